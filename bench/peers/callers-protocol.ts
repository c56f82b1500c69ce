/**
 * What race and callers say to each other. Owns: the messages, checked on arrival, and asking over a child's channel.
 * Does not own: what is done about them.
 */
import type { ChildProcess } from 'node:child_process';
import { z } from 'zod';

const ids = z.array(z.uuid());
export const askSchema = z.discriminatedUnion('what', [
  z.object({
    what: z.literal('window'),
    tag: z.number(),
    callers: z.number(),
    seconds: z.number(),
    /** It stays open for so many runs, however slow they are. */
    runsMin: z.number(),
  }),
  z.object({ what: z.literal('run'), tag: z.number(), ids }),
  z.object({ what: z.literal('resume'), tag: z.number(), ids }),
]);
export type Ask = z.infer<typeof askSchema>;

const windowSchema = z.object({ runs: z.number(), perSecond: z.number(), p50Ms: z.number(), p95Ms: z.number() });
/** One closed loop. */
export type Window = z.infer<typeof windowSchema>;

const replySchema = z.union([
  z.object({ tag: z.number(), window: windowSchema.nullable() }),
  z.object({ tag: z.number(), error: z.string() }),
]);
export type Reply = z.infer<typeof replySchema>;

type Untagged<T> = T extends unknown ? Omit<T, 'tag'> : never;

export class Callers {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<Window | null>>();
  #tag = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message) => {
      const reply = replySchema.parse(message);
      const waiting = this.#waiting.get(reply.tag);
      this.#waiting.delete(reply.tag);
      if ('error' in reply) waiting?.reject(new Error(reply.error));
      else waiting?.resolve(reply.window);
    });
    child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the process of the callers ended'));
      this.#waiting.clear();
    });
  }

  async window(callers: number, seconds: number, runsMin = 0): Promise<Window> {
    const window = await this.#ask({ what: 'window', callers, seconds, runsMin });
    if (window === null) throw new Error('the callers answered without a measurement');
    return window;
  }

  /** Resolves when the callers know the answers of all. */
  async finish(what: 'run' | 'resume', ids: string[]): Promise<void> {
    await this.#ask({ what, ids });
  }

  #ask(ask: Untagged<Ask>): Promise<Window | null> {
    this.#tag += 1;
    const waiting = Promise.withResolvers<Window | null>();
    this.#waiting.set(this.#tag, waiting);
    this.#child.send({ ...ask, tag: this.#tag }, (error) => {
      if (error !== null) waiting.reject(error);
    });
    return waiting.promise;
  }
}
