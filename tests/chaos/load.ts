/**
 * Callers of a mesh that is being struck: each submits a task, waits for its end, and submits the next. Owns: what they
 * ask, and that they behave as callers do: not told that it was accepted, they ask again under the same id; asked
 * whether something happened, they answer. Does not own: judging.
 */
import { newCorrelationId } from '../../schemas/events/ids.ts';
import type { Mesh } from '../support/mesh.ts';
import { answerPrompt, buildTask } from '../support/prompts.ts';
import type { Ended } from '../support/task-watch.ts';
import type { Random } from './random.ts';

export type Kind = 'keyed' | 'once' | 'answer' | 'build' | 'own';

export interface Asked {
  readonly id: string;
  readonly kind: Kind;
  /** Path at the counter; empty when nothing is done there. */
  readonly path: string;
  /** It asked a person what had happened. */
  unknown: boolean;
  ended: boolean;
  readonly outcome: { status?: string };
}

export interface Load {
  readonly asked: readonly Asked[];
  /** Nobody strikes any more, and there are no further tasks; resolves when all have ended, or have not within the limit. */
  finish(): Promise<void>;
}

const AGAIN_MS = 10_000;
/** For so long a caller waits while the mesh is struck; then it asks something else. */
const CALLER_LIMIT_MS = 180_000;
/**
 * Left in peace, a task has so long: where the stores of who asked went back and those of who is asked did not, a step may be
 * ended by its limit of time, five minutes, and so may its second attempt (docs/reliability.md, known limits).
 */
const PEACE_LIMIT_MS = 900_000;

interface Task {
  readonly prompt: string;
  readonly workflow?: string;
}

export interface LoadOptions {
  readonly mesh: Mesh;
  readonly random: Random;
  readonly callers: number;
  /** The user's own task instead of the mixture. */
  readonly own: { prompt: string; workflow?: string } | null;
}

export function startLoad({ mesh, random, callers, own }: LoadOptions): Load {
  const asked: Asked[] = [];
  let going = true;
  const leftOpen: (() => Promise<void>)[] = [];

  const next = (): { task: Task; asked: Asked } => {
    const id = newCorrelationId();
    const kind: Kind = own ? 'own' : random.pick<Kind>(['keyed', 'keyed', 'keyed', 'once', 'answer', 'build']);
    const path = kind === 'keyed' || kind === 'once' ? `/${kind}/${id}` : '';
    const entry: Asked = { id, kind, path, unknown: false, ended: false, outcome: {} };
    switch (kind) {
      case 'own':
        return { task: own ?? { prompt: '' }, asked: entry };
      case 'keyed':
        return { task: { prompt: mesh.counter.prompt('http_post', path) }, asked: entry };
      case 'once':
        return { task: { prompt: mesh.counter.prompt('http_post_once', path) }, asked: entry };
      case 'answer':
        return { task: { prompt: answerPrompt }, asked: entry };
      case 'build':
        return { task: buildTask, asked: entry };
      default:
        throw new Error(`unknown kind ${JSON.stringify(kind satisfies never)}`);
    }
  };
  /** Tells a task that asks what had happened; asked the same again by stores that went back, it is told again. */
  const reply = async (entry: Asked): Promise<void> => {
    const last = mesh.watch.facts(entry.id).findLast(({ name }) => name.startsWith('task.'));
    if (last?.name !== 'task.input.required') return;
    entry.unknown = true;
    await mesh.say('task.input.provided', entry.id, { text: 'done' });
  };
  const one = async (): Promise<void> => {
    const { task, asked: entry } = next();
    asked.push(entry);
    await waitFor(entry, task, CALLER_LIMIT_MS);
    if (!entry.ended) leftOpen.push(() => waitFor(entry, task, PEACE_LIMIT_MS));
  };
  const waitFor = async (entry: Asked, task: Task, limitMs: number): Promise<void> => {
    const beganMs = performance.now();
    // A machine that is busy with other things is no fault of the mesh.
    while (!entry.ended && performance.now() - beganMs < limitMs * mesh.slowdown) {
      await mesh.submit(task, entry.id, CALLER_LIMIT_MS);
      const ended = await endOf(entry);
      if (!ended) continue;
      entry.ended = true;
      Object.assign(entry.outcome, { status: ended.name });
    }
  };
  /** Null when it has not come after a while: then a caller asks again. */
  const endOf = (entry: Asked): Promise<Ended | null> => {
    const { id } = entry;
    // What cannot be answered now is answered the next time.
    const asks = mesh.watch.fact(id, 'task.input.required', AGAIN_MS);
    asks.then(() => reply(entry)).catch(() => undefined);
    return mesh.watch.result(id, AGAIN_MS).catch(() => null);
  };
  const caller = async (): Promise<void> => {
    while (going) await one();
  };
  const all = Array.from({ length: callers }, caller);
  return {
    asked,
    async finish() {
      going = false;
      await Promise.all(all);
      await Promise.all(leftOpen.map((wait) => wait()));
    },
  };
}
