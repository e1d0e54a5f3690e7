import { Failure } from '../failure.ts';
import type { Crew } from './crew.ts';
import type { Place } from './place.ts';
import { ask } from './question.ts';
import type { RunningTenant } from './start-programs.ts';

export interface Isolation {
  readonly ok: true;
  readonly taskId: string;
  /** What the owner's user is answered. */
  readonly ownerSees: string;
  /** What the other tenant's user is answered. */
  readonly code: string;
  readonly message: string;
}

const expectedCode = 'TASK_NOT_FOUND';

/**
 * Another tenant's user, signed in and subscribed to the same agent, asks for the task by its id; so does the owner's, to show
 * that the task is there. Throws `failed` when the one sees anything of it, or the other one does not.
 */
export async function tryIsolation(
  crew: Crew,
  place: Place,
  taskId: string,
  { owner, other }: { readonly owner: RunningTenant; readonly other: RunningTenant },
): Promise<Isolation> {
  const [own, others] = await Promise.all([
    ask(crew, place, owner, ['--task', taskId]),
    ask(crew, place, other, ['--task', taskId]),
  ]);
  if ('answer' in others) throw new Failure('failed', `${other.name} could read a task of ${owner.name}.`);
  const { code, message } = others.refused;
  if (code !== expectedCode)
    throw new Failure(
      'failed',
      `${other.name} was answered ${code} (${message}) instead of ${expectedCode}.`,
    );
  if ('refused' in own)
    throw new Failure('failed', `${owner.name} could not read its own task: ${own.refused.message}`);
  return { ok: true, taskId, ownerSees: own.answer.task.status.state, code, message };
}
