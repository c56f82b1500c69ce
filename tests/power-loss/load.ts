/**
 * Tasks of callers while the power is cut. Owns: what was told to them before, and whether it still holds after. Does not
 * own: cutting.
 */

import type { Result } from '../../schemas/events/generated.ts';
import { newCorrelationId } from '../../schemas/events/ids.ts';
import type { Mesh } from '../support/mesh.ts';
import { answerPrompt } from '../support/prompts.ts';

const AGAIN_MS = 10_000;
const END_LIMIT_MS = 120_000;

interface Asked {
  readonly id: string;
  readonly path: string;
  result: Result | null;
}

export interface Verdict {
  readonly tasks: number;
  /** Results that had been told before the cut. */
  readonly told: number;
  /** Told, and not known afterwards; or accepted, and unknown. */
  readonly forgotten: readonly string[];
  /** Told one result before and another one after. */
  readonly changed: readonly string[];
  /** Deeds done twice. */
  readonly twice: readonly string[];
  /** Never ended. */
  readonly open: readonly string[];
}

export interface Load {
  /** Callers work for so long; they go on until `finish`. */
  forMs(ms: number): Promise<void>;
  /** Results that have been told so far, as text, by task. */
  told(): ReadonlyMap<string, string>;
  /** No further tasks; resolves when those under way have ended. */
  finish(): Promise<void>;
  judge(told: ReadonlyMap<string, string>): Verdict;
}

export function startLoad(mesh: Mesh, root: string, callers: number): Load {
  const all: Asked[] = [];
  let going = true;
  const next = (): { asked: Asked; prompt: string } => {
    const asked: Asked = { id: newCorrelationId(), path: `${root}/${all.length}`, result: null };
    const tools = ['http_post', 'http_post_once'] as const;
    const tool = tools[all.length % 3];
    all.push(asked);
    return { asked, prompt: tool === undefined ? answerPrompt : mesh.counter.prompt(tool, asked.path) };
  };
  const one = async (): Promise<void> => {
    const { asked, prompt } = next();
    const deadline = performance.now() + END_LIMIT_MS;
    while (asked.result === null && performance.now() < deadline) {
      await mesh.submit(prompt, asked.id, END_LIMIT_MS);
      mesh.watch
        .fact(asked.id, 'task.input.required', AGAIN_MS)
        .then(() => mesh.say('task.input.provided', asked.id, { text: 'done' }))
        .catch(() => undefined);
      const ended = await mesh.watch.result(asked.id, AGAIN_MS).catch(() => null);
      asked.result = ended?.result ?? null;
    }
  };
  const caller = async (): Promise<void> => {
    while (going) await one();
  };
  const working = Promise.all(Array.from({ length: callers }, caller));
  return {
    forMs: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    told: () => new Map(all.flatMap(({ id, result }) => (result === null ? [] : [[id, JSON.stringify(result)]]))),
    async finish() {
      going = false;
      await working;
    },
    judge(told) {
      const now = (id: string) => mesh.watch.terminal(id)[0]?.event.data as { result?: Result } | undefined;
      return {
        tasks: all.length,
        told: told.size,
        forgotten: [...told.keys()].filter((id) => now(id) === undefined),
        changed: [...told]
          .filter(([id, text]) => now(id) && JSON.stringify(now(id)?.result) !== text)
          .map(([id]) => id),
        twice: all.filter(({ path }) => mesh.counter.deeds(path) > 1).map(({ id }) => id),
        open: all.filter(({ result }) => result === null).map(({ id }) => id),
      };
    },
  };
}
