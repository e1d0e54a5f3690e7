import { TaskState } from '@a2a-js/sdk';
import type { Client } from '@a2a-js/sdk/client';
import type { AgentExecutor, RequestContext } from '@a2a-js/sdk/server';
import type { TenantContext, UsageReporter } from '../../src/kit/index.ts';
import { Reply } from './messages.ts';
import { tenantContextOf } from './tenant-user.ts';
import { writeLine } from './write-line.ts';

export interface Call {
  readonly tenantContext: TenantContext;
  readonly message: RequestContext['userMessage'];
  readonly reply: Reply;
  /** The client for another company's agent, on behalf of the same user; `agent` is `provider/agent`. */
  readonly connect: (agent: string) => Promise<Client>;
}

/** What the agent can do: works on one request, and says how much of its meter that was. */
export type Skill = (call: Call) => Promise<{ readonly summary: string; readonly used: number }>;

interface AgentParts {
  readonly agentId: string;
  readonly skill: Skill;
  readonly meter: string;
  readonly usage: UsageReporter;
  readonly connect: (agent: string, context: TenantContext) => Promise<Client>;
}

/** Around each skill: the tenant's context in, progress and usage out. */
export function createExecutor({ agentId, skill, meter, usage, connect }: AgentParts): AgentExecutor {
  return {
    async execute(request, bus) {
      const context = tenantContextOf(request.context);
      writeHop(agentId, context);
      const reply = new Reply(request, bus);
      reply.status(TaskState.TASK_STATE_WORKING, 'Started');
      try {
        const { summary, used } = await skill({
          tenantContext: context,
          message: request.userMessage,
          reply,
          connect: (agent) => connect(agent, context),
        });
        // One event a task, however often this is tried.
        const reported = usage.report({
          context,
          agent: agentId,
          id: `${agentId}:${request.taskId}`,
          callId: request.taskId,
          quantities: { [meter]: used },
        });
        void reported.then((outcome) => writeLine({ usage: { ...outcome, meter, quantity: String(used) } }));
        reply.status(TaskState.TASK_STATE_COMPLETED, summary);
      } catch (error) {
        console.error(error);
        const reason = error instanceof Error ? error.message : String(error);
        reply.status(TaskState.TASK_STATE_FAILED, reason);
      }
      bus.finished();
    },
    // These skills take moments, and money may have moved: there is nothing to stop.
    cancelTask: () => Promise.resolve(),
  };
}

function writeHop(agent: string, context: TenantContext): void {
  writeLine({
    hop: {
      agent,
      tenant: context.tenant,
      audTenant: context.audTenant ?? null,
      sub: context.subject,
      actDepth: context.actors.length,
      txn: context.txn,
    },
    actors: context.actors,
  });
}
