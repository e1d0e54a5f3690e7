import type { HttpBindings } from '@hono/node-server';
import type { Principal } from '../kernel/principal.ts';

/** What every handler finds in its context. */
export interface HttpEnv {
  Bindings: HttpBindings;
  Variables: {
    requestId: string;
    /** Set when the request carried valid credentials; guards turn its absence into 401. */
    principal: Principal | undefined;
  };
}
