import { createRouter, type Router } from '../api/router.ts';
import { addBooksRoutes } from './books-routes.ts';
import type { Billing } from './index.ts';
import { addIngestRoutes } from './ingest-routes.ts';
import { addMeterRoutes } from './meter-routes.ts';
import { addPeriodRoutes } from './period-routes.ts';
import { addPriceRoutes } from './price-routes.ts';
import { addUsageRoutes } from './usage-routes.ts';

/** `now`: epoch milliseconds, for the default time range of usage. */
export function billingRoutes(billing: Billing, now: () => number): Router {
  const router = createRouter();
  addIngestRoutes(router, billing);
  addUsageRoutes(router, billing, now);
  addMeterRoutes(router, billing);
  addPriceRoutes(router, billing);
  addPeriodRoutes(router, billing);
  addBooksRoutes(router, billing);
  return router;
}
