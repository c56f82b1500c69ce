/**
 * HTTP towards a model endpoint: requests with time-outs, and retries where no text has been shown yet.
 * Owns when something is tried again; what a failure is called is openai-failures.ts, the form of requests and answers
 * openai-dialect.ts and openai-stream.ts.
 *
 * 1. Only what may succeed later is tried again: no connection, 408, 409, 425, 429 and 5xx, unless the server says why not.
 * 2. Once a piece of text has reached the caller nothing is tried again: a second try would say it twice.
 * 3. What was slow is not begun anew: a second try would be as slow, and the first has taken the time.
 * 4. A server that is loading its model is waited for, as long as the whole may take.
 * 5. Aborting ends a wait, a request and a stream, with the caller's reason.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from '../../../../prompting/engine-error.ts';
import { parsed } from '../../../../prompting/json-reply.ts';
import { backOffMs, spreadMs } from '../../../../resilience/back-off.ts';
import { Deadline } from './openai-deadline.ts';
import { asFailure, type EndpointName, StatusFailure } from './openai-failures.ts';

export interface TransportOptions extends EndpointName {
  readonly apiKey?: string | undefined;
  /** From the request to the first byte of the answer: a local server loads its model and reads the prompt in it. */
  readonly firstByteTimeoutMs: number;
  /** Between two pieces of a stream. */
  readonly idleTimeoutMs: number;
  /** For everything, retries included. */
  readonly timeoutMs: number;
  /** Tries in all. */
  readonly attempts: number;
  /** Wait before the second try; doubles each time, with full jitter. */
  readonly backoffMs: number;
  /** How often a long wait says what it waits for. */
  readonly progressMs: number;
}

export interface Exchange {
  readonly method: 'GET' | 'POST';
  /** Whole address. */
  readonly url: string;
  readonly body?: unknown;
}

export interface ExchangeContext {
  readonly signal: AbortSignal;
  readonly heartbeat: ((note: string) => void) | undefined;
  /** Whether text has been shown already. */
  readonly hasStarted: () => boolean;
  /** What the model is at, for progress: `reading the prompt`, `writing, 120 characters`. */
  readonly phase: () => string;
}

/** Asks for JSON that is good to know; null when it cannot be had. */
export type Ask = (url: string) => Promise<unknown>;

const BACKOFF_MS_MAX = 10_000;
/** A server that asks for a longer pause than this is told to the caller instead of being waited for. */
const RETRY_AFTER_MS_MAX = 60_000;
/** Between two looks whether a model is loaded. */
const LOADING_MS = 1000;
const LOADING_MS_MAX = 5000;
/**
 * The address of a path below a base that may have a query of its own (Azure's `?api-version=`), and that somebody may have
 * copied with the path of a chat.
 */
export function endpointUrl(baseUrl: string, path: string): string {
  const url = URL.parse(baseUrl);
  if (url === null) return `${baseUrl}${path}`;
  url.pathname = `${url.pathname.replace(/\/+$/, '').replace(/\/chat\/completions$/, '')}${path}`;
  return url.href;
}

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
  const deadline = new Deadline(options.timeoutMs, context.signal);
  const progress = told(options, context);
  try {
    let loadingMs = LOADING_MS;
    for (let attempt = 1; ; ) {
      const failure = await deadline
        .guard(() => once(options, request, deadline, read))
        .catch(asFailure(options, context.hasStarted));
      if (!('error' in failure)) return failure.value;
      context.signal.throwIfAborted();
      const { error, retryAfterMs, loading } = failure;
      if (loading && !context.hasStarted() && deadline.leftMs() > loadingMs) {
        progress.at('waiting for the model to be loaded');
        await pause(retryAfterMs ?? loadingMs, context.signal);
        // A model that is still being loaded says so at once; one that is silent reads.
        progress.at(null);
        loadingMs = Math.min(LOADING_MS_MAX, loadingMs * 1.5);
        continue;
      }
      const isLast = attempt >= options.attempts || deadline.isOver();
      if (!error.retryable || isLast || context.hasStarted() || (retryAfterMs ?? 0) > RETRY_AFTER_MS_MAX) throw error;
      const pauseMs = backOffMs({ firstMs: options.backoffMs, maxMs: BACKOFF_MS_MAX }, attempt);
      const waitMs = retryAfterMs ?? spreadMs(pauseMs, 0, 1);
      if (waitMs > deadline.leftMs()) throw error;
      attempt += 1;
      context.heartbeat?.(
        `${error.message} Trying again in ${Math.ceil(waitMs / 1000)} s (${attempt} of ${options.attempts}).`,
      );
      progress.at(null);
      await pause(waitMs, context.signal);
    }
  } finally {
    progress.end();
    deadline.close();
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}

/** Says now and then what is waited for, and since when. */
function told({ progressMs }: TransportOptions, { heartbeat, phase }: ExchangeContext) {
  const startedMs = performance.now();
  let waiting: string | null = null;
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    heartbeat?.(`${waiting ?? phase()}, ${seconds} s`);
  }, progressMs);
  return {
    at(what: string | null): void {
      waiting = what;
    },
    end: () => clearInterval(timer),
  };
}

async function once<T>(
  options: TransportOptions,
  request: Exchange,
  deadline: Deadline,
  read: (response: Response, touch: () => void) => Promise<T>,
): Promise<{ value: T }> {
  deadline.expect(options.firstByteTimeoutMs, `gave no answer within ${options.firstByteTimeoutMs / 1000} s`);
  const url = URL.parse(request.url);
  const user = url === null || url.username === '' ? null : `${url.username}:${url.password}`;
  if (url !== null) url.username = url.password = '';
  const response = await fetch(url ?? request.url, {
    method: request.method,
    headers: {
      accept: 'text/event-stream, application/json',
      ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...authorisation(options.apiKey, user, url),
    },
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    // A redirect would carry the key to another place.
    redirect: 'manual',
    signal: deadline.signal,
  });
  const touch = (): void => deadline.expect(options.idleTimeoutMs, `went silent for ${options.idleTimeoutMs / 1000} s`);
  if (response.status >= 300 && response.status < 400) throw redirected(response);
  if (!response.ok) throw await StatusFailure.from(response);
  // Until the first word the server may still read the prompt, whatever it has sent of its headers.
  return { value: await read(response, touch) };
}

function authorisation(apiKey: string | undefined, user: string | null, url: URL | null): Record<string, string> {
  if (apiKey === undefined && user !== null) {
    return { authorization: `Basic ${Buffer.from(decodeURIComponent(user)).toString('base64')}` };
  }
  if (apiKey === undefined) return {};
  // Azure takes keys in a header of its own.
  const bearer = { authorization: `Bearer ${apiKey}` };
  return url?.hostname.endsWith('.azure.com') ? { ...bearer, 'api-key': apiKey } : bearer;
}

function redirected(response: Response): EngineError {
  const location = response.headers.get('location');
  const to = location === null ? null : (URL.parse(location, response.url)?.href ?? location);
  const message =
    to === null
      ? `The model endpoint answered ${response.status}, and not where else to ask. Is OPENAI_BASE_URL right?`
      : `The model endpoint answered ${response.status}: it is elsewhere (${to.replace(/\/chat\/completions$/, '').slice(0, 200)}). Set OPENAI_BASE_URL to that address.`;
  return new EngineError('engine_rejected', message, { retryable: false });
}

/** Reads a body as JSON. @throws EngineError */
export async function readJson(response: Response): Promise<unknown> {
  const value = parsed(await response.text());
  if (value !== undefined) return value;
  const message = 'The endpoint answered with something that is not JSON. Is OPENAI_BASE_URL right?';
  throw new EngineError('engine_bad_answer', message, { retryable: false });
}
