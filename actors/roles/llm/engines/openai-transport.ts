/**
 * HTTP towards an OpenAI-compatible endpoint: requests with time-outs, and retries where no text has been shown yet.
 * Owns how failures become EngineErrors; the form of requests and answers is openai.ts and openai-stream.ts.
 *
 * 1. Only what may succeed later is tried again: no connection, 408, 409, 425, 429 and 5xx.
 * 2. Once a piece of text has reached the caller nothing is tried again: a second try would say it twice.
 * 3. Aborting ends a wait, a request and a stream, with the caller's reason.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { errorText } from './openai-stream.ts';
import { EngineError } from './port.ts';

export interface TransportOptions {
  readonly baseUrl: string;
  readonly apiKey?: string | undefined;
  /** From the request to the first byte of the answer: a local server may load its model in this time. */
  readonly firstByteTimeoutMs: number;
  /** Between two pieces of a stream. */
  readonly idleTimeoutMs: number;
  /** For everything, retries included. */
  readonly timeoutMs: number;
  /** Tries in all. */
  readonly attempts: number;
  /** Wait before the second try; doubles each time, with full jitter. */
  readonly backoffMs: number;
}

export interface Exchange {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
}

export interface ExchangeContext {
  readonly signal: AbortSignal;
  readonly heartbeat: ((note: string) => void) | undefined;
  /** Whether text has been shown already. */
  readonly hasStarted: () => boolean;
}

const BACKOFF_MS_MAX = 10_000;
/** A server that asks for a longer pause than this is told to the caller instead of being waited for. */
const RETRY_AFTER_MS_MAX = 60_000;
const RETRYABLE_STATUS: ReadonlySet<number> = new Set([408, 409, 425, 429, 500, 502, 503, 504, 529]);

/**
 * Sends the request and hands the answer to `read`, trying again by the rules above. `read` calls `touch` whenever
 * bytes arrive. Rejects with an EngineError or the signal's reason.
 */
export async function exchange<T>(
  options: TransportOptions,
  request: Exchange,
  context: ExchangeContext,
  read: (response: Response, touch: () => void) => Promise<T>,
): Promise<T> {
  context.signal.throwIfAborted();
  const deadline = new Deadline(options, context.signal);
  try {
    for (let attempt = 1; ; attempt += 1) {
      const failure = await deadline.guard(() => once(options, request, deadline, read)).catch(asFailure(options));
      if (!('error' in failure)) return failure.value;
      context.signal.throwIfAborted();
      const { error, retryAfterMs } = failure;
      const isLast = attempt >= options.attempts || deadline.isOver();
      if (!error.retryable || isLast || context.hasStarted() || (retryAfterMs ?? 0) > RETRY_AFTER_MS_MAX) throw error;
      const waitMs = retryAfterMs ?? Math.random() * Math.min(BACKOFF_MS_MAX, options.backoffMs * 2 ** (attempt - 1));
      if (waitMs > deadline.leftMs()) throw error;
      context.heartbeat?.(
        `${error.message} Trying again in ${Math.ceil(waitMs / 1000)} s (${attempt + 1} of ${options.attempts}).`,
      );
      await delay(waitMs, undefined, { signal: context.signal }).catch(() => context.signal.throwIfAborted());
    }
  } finally {
    deadline.close();
  }
}

async function once<T>(
  options: TransportOptions,
  request: Exchange,
  deadline: Deadline,
  read: (response: Response, touch: () => void) => Promise<T>,
): Promise<{ value: T }> {
  deadline.expect(options.firstByteTimeoutMs, `gave no answer within ${options.firstByteTimeoutMs / 1000} s`);
  const response = await fetch(`${options.baseUrl.replace(/\/+$/, '')}${request.path}`, {
    method: request.method,
    headers: {
      accept: 'text/event-stream, application/json',
      ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` }),
    },
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    // A redirect would carry the key to another place.
    redirect: 'error',
    signal: deadline.signal,
  });
  const touch = (): void => deadline.expect(options.idleTimeoutMs, `went silent for ${options.idleTimeoutMs / 1000} s`);
  if (!response.ok) throw await StatusFailure.from(response);
  touch();
  return { value: await read(response, touch) };
}

/** The time limits of one exchange: the caller's signal, the whole, and the next byte. */
class Deadline {
  readonly #controller = new AbortController();
  readonly #whole: NodeJS.Timeout;
  readonly #endsAt: number;
  readonly #caller: AbortSignal;
  #next: NodeJS.Timeout | undefined;

  constructor(options: TransportOptions, caller: AbortSignal) {
    this.#caller = caller;
    this.#endsAt = performance.now() + options.timeoutMs;
    this.#whole = setTimeout(() => this.#expire(`took longer than ${options.timeoutMs / 1000} s`), options.timeoutMs);
    caller.addEventListener('abort', this.#onAbort, { once: true });
  }

  #round = new AbortController();
  readonly #onAbort = (): void => this.#controller.abort(this.#caller.reason);

  get signal(): AbortSignal {
    return AbortSignal.any([this.#controller.signal, this.#round.signal]);
  }

  #expire(what: string): void {
    this.#controller.abort(new TimeoutFailure(what));
  }

  /** Gives the next byte this long. */
  expect(ms: number, what: string): void {
    clearTimeout(this.#next);
    const round = this.#round;
    this.#next = setTimeout(() => round.abort(new TimeoutFailure(what)), ms);
  }

  /** Runs one try; what it fails with is the limit that ended it, if one did. */
  async guard<T>(work: () => Promise<T>): Promise<T> {
    this.#round = new AbortController();
    try {
      return await work();
    } catch (error) {
      if (this.#controller.signal.aborted) throw this.#controller.signal.reason;
      if (this.#round.signal.aborted) throw this.#round.signal.reason;
      throw error;
    } finally {
      clearTimeout(this.#next);
    }
  }

  isOver(): boolean {
    return this.#controller.signal.aborted;
  }

  leftMs(): number {
    return this.#endsAt - performance.now();
  }

  close(): void {
    clearTimeout(this.#whole);
    clearTimeout(this.#next);
    this.#caller.removeEventListener('abort', this.#onAbort);
  }
}

class TimeoutFailure extends Error {}

class StatusFailure extends Error {
  readonly status: number;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, reason: string, retryAfterMs: number | undefined) {
    super(reason);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }

  static async from(response: Response): Promise<StatusFailure> {
    const body = (await response.text()).slice(0, 10_000);
    return new StatusFailure(response.status, reasonIn(body), retryAfter(response.headers.get('retry-after')));
  }
}

function reasonIn(body: string): string {
  try {
    return errorText(JSON.parse(body));
  } catch (error) {
    if (error instanceof SyntaxError) return body.replace(/\s+/g, ' ').trim().slice(0, 200) || 'no reason given';
    throw error;
  }
}

/** Retry-After in milliseconds: seconds or an HTTP date (RFC 9110, section 10.2.3). */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d+(?:\.\d+)?$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

interface Failure {
  readonly error: EngineError;
  readonly retryAfterMs?: number | undefined;
}

/** Turns anything thrown by a try into an EngineError. */
function asFailure(options: TransportOptions): (thrown: unknown) => Failure {
  return (thrown) => {
    if (thrown instanceof EngineError) return { error: thrown };
    const where = safeOrigin(options.baseUrl);
    if (thrown instanceof StatusFailure)
      return { error: statusError(thrown, where), retryAfterMs: thrown.retryAfterMs };
    if (thrown instanceof TimeoutFailure) {
      const message = `The model endpoint ${where} ${thrown.message}.`;
      return { error: new EngineError('engine_timeout', message, { retryable: true, cause: thrown }) };
    }
    const message = `The model endpoint ${where} cannot be reached (${causeOf(thrown)}). Is it running, and is OPENAI_BASE_URL right?`;
    return {
      error: new EngineError('engine_unreachable', message, {
        retryable: URL.canParse(options.baseUrl),
        cause: thrown,
      }),
    };
  };
}

function statusError(failure: StatusFailure, where: string): EngineError {
  const { status, message: reason } = failure;
  const said = `The model endpoint ${where} answered ${status}: ${reason}`;
  const make = (code: EngineError['code'], message: string): EngineError =>
    new EngineError(code, message, { retryable: RETRYABLE_STATUS.has(status), cause: failure });
  if (status === 401 || status === 403) return make('engine_unauthorised', `${said}. Check OPENAI_API_KEY.`);
  if (status === 429) return make('engine_rate_limited', `${said}.`);
  if (status === 404)
    return make('engine_rejected', `${said}. Check OPENAI_BASE_URL (it ends in /v1 as a rule) and the model's name.`);
  return make(status >= 500 ? 'engine_unavailable' : 'engine_rejected', `${said}.`);
}

/** Scheme, host and path; an address may carry a password, which no message repeats. */
function safeOrigin(baseUrl: string): string {
  const url = URL.parse(baseUrl);
  return url === null ? '(not an address)' : `${url.origin}${url.pathname}`;
}

function causeOf(thrown: unknown): string {
  let error: unknown = thrown;
  while (error instanceof Error && error.cause instanceof Error) error = error.cause;
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  // fetch repeats an address it refuses, with the password in it.
  return (error instanceof Error ? error.message : String(error)).replace(/\/\/[^/\s]*@/g, '//');
}
