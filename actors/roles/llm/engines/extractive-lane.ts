/**
 * The embedded engine as a host uses it. Owns: that a large text is read by a worker, since quoting and mending are done
 * in one go and a host that stands still loses its leases. Does not own: the engine.
 */
import type { HopOutput } from '../../../../schemas/events/generated.ts';
import { type AskOptions, createWorkerPool, WorkerError } from '../../../../worker-pool/worker-pool.ts';
import { EffectError } from '../../../runtime/errors.ts';
import { createExtractiveEngine } from './extractive.ts';
import type { ExtractiveRequest } from './extractive-worker.ts';
import type { EngineContext, EngineRequest } from './port.ts';

/** A text of this size takes the engine some milliseconds, about as long as handing it over. */
const HERE_CHARS_MAX = 16_384;
/** Of work: a large text takes a fraction of a second, a revision of it some seconds. */
const WORK_MS_MAX = 25_000;

const pool = createWorkerPool<ExtractiveRequest, HopOutput>({
  script: new URL('./extractive-worker.ts', import.meta.url),
  workMsMax: WORK_MS_MAX,
  parse(said) {
    if (!isOutput(said)) throw new TypeError('A reply needs an engine and a summary.');
    return said;
  },
});

function isOutput(value: unknown): value is HopOutput {
  return typeof value === 'object' && value !== null && 'engine' in value && 'summary' in value;
}

export interface EmbeddedEngine {
  readonly name: string;
  /** @throws EffectError, or the signal's reason */
  generate(
    request: EngineRequest,
    context: EngineContext & Pick<AskOptions, 'flow' | 'task' | 'waits'>,
  ): Promise<HopOutput>;
}

export function createEmbeddedEngine(): EmbeddedEngine {
  const here = createExtractiveEngine();
  return {
    name: here.name,
    async generate({ skill, input, tools, failure }, context) {
      const request = {
        input,
        ...(tools === undefined ? {} : { tools }),
        ...(failure === undefined ? {} : { failure }),
      };
      if (JSON.stringify(request).length <= HERE_CHARS_MAX) return here.generate({ ...request, skill }, context);
      try {
        const { name, module } = skill;
        const output = await pool.ask({ ...request, skill: { name, module } }, context);
        const shown = output.answer?.text ?? output.code?.text;
        if (shown !== undefined) context.onText?.(shown);
        return output;
      } catch (error) {
        if (!(error instanceof WorkerError)) throw error;
        const why = error.code === 'timeout' ? `takes longer than ${WORK_MS_MAX / 1000} s` : error.message;
        throw new EffectError('text_too_large', `Reading this without a language model ${why}: send a smaller text.`);
      }
    },
  };
}

/** Ends the reading workers, for an orderly shutdown; a later request starts them again. */
export function closeEmbeddedEngine(): Promise<void> {
  return pool.close();
}
