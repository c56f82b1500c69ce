/**
 * What a model wrote becomes the hop's output. Owns: that a long reply is read by a worker, since its writer may be
 * anybody's model and a host that stands still loses its leases. Does not own: reading it (prompting/read-reply.ts).
 */
import { EngineError, type EngineErrorCode } from '../../../../prompting/engine-error.ts';
import type { TextRequest } from '../../../../prompting/prompt.ts';
import { type Completion, charsOf, type PromptMade, readReply } from '../../../../prompting/read-reply.ts';
import type { HopOutput } from '../../../../schemas/events/generated.ts';
import { createWorkerPool, WorkerError } from '../../../../worker-pool/worker-pool.ts';
import type { ReplyRead, ReplyToRead } from './reply-worker.ts';

/** A reply of this size takes some milliseconds at most, whatever stands in it. */
const HERE_CHARS_MAX = 8192;
/** Of work: a long reply takes a fraction of a second. */
const WORK_MS_MAX = 10_000;

const pool = createWorkerPool<ReplyToRead, ReplyRead>({
  script: new URL('./reply-worker.ts', import.meta.url),
  workMsMax: WORK_MS_MAX,
  parse(said) {
    if (!isRead(said)) throw new TypeError('A reply needs an output or an error.');
    return said;
  },
});

function isRead(value: unknown): value is ReplyRead {
  return typeof value === 'object' && value !== null && ('output' in value || 'error' in value);
}

export interface ReadingOptions {
  readonly signal: AbortSignal;
  /** Whose reply it is: callers take turns, and so do the tasks of one. */
  readonly flow?: string | undefined;
  readonly task?: string | undefined;
}

/** What was asked, and what came of it. */
export interface WrittenReply {
  readonly request: TextRequest;
  readonly prompt: PromptMade;
  readonly completion: Completion;
  readonly engine: string;
}

/** @throws EngineError, or the signal's reason */
export async function readCompletion(reply: WrittenReply, { signal, flow, task }: ReadingOptions): Promise<HopOutput> {
  const { request, prompt, completion, engine } = reply;
  if (charsOf(completion) <= HERE_CHARS_MAX) return readReply(request, prompt, completion, engine);
  const read = await pool.ask(bare(reply), { signal, flow, task }).catch((error: unknown) => {
    throw error instanceof WorkerError ? unread(error, completion) : error;
  });
  if (!('error' in read)) return read.output;
  const { code, message, retryable } = read.error;
  throw new EngineError(code, message, { retryable });
}

/** Without what cannot be handed over, or is not needed. */
function bare({ request, prompt, completion, engine }: WrittenReply): ReplyToRead {
  const { skill, input, tools } = request;
  const { passages, leftOut } = prompt;
  const { text, cut, filtered, thoughtChars, toolCalls } = completion;
  return {
    skill: { name: skill.name, module: skill.module },
    request: { input, ...(tools === undefined ? {} : { tools }) },
    prompt: { passages, leftOut },
    completion: {
      ...{ text, cut },
      ...(filtered === undefined ? {} : { filtered }),
      ...(thoughtChars === undefined ? {} : { thoughtChars }),
      ...(toolCalls === undefined ? {} : { toolCalls }),
    },
    engine,
  };
}

function unread(error: WorkerError, completion: Completion): EngineError {
  const [code, retryable]: [EngineErrorCode, boolean] =
    error.code === 'busy' ? ['engine_busy', true] : ['engine_no_answer', false];
  const why = error.code === 'timeout' ? `takes longer than ${WORK_MS_MAX / 1000} s` : `failed: ${error.message}`;
  const message = `Reading what the model wrote (${charsOf(completion)} characters) ${why}.`;
  return new EngineError(code, message, { retryable, cause: error });
}

/** Ends the reading workers, for an orderly shutdown; a later reply starts them again. */
export function closeReplyReaders(): Promise<void> {
  return pool.close();
}
