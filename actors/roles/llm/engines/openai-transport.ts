/**
 * HTTP towards a model endpoint: requests with time-outs, and retries where no text has been shown yet.
 * Owns how failures become EngineErrors; the form of requests and answers is openai-dialect.ts and openai-stream.ts.
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
import { Deadline, TimeoutFailure } from './openai-deadline.ts';
import {
  isAboutTheKey,
  isDeclined,
  isHopeless,
  isLoading,
  isReloading,
  reasonIn,
  type ServerError,
} from './openai-errors.ts';
import { retryAfter } from './retry-after.ts';

export interface TransportOptions {
  readonly baseUrl: string;
  /** Which setting is spoken of when the address or the model is wrong; OpenAI's unless told. */
  readonly api?: 'openai' | 'ollama' | undefined;
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
const BODY_CHARS_MAX = 10_000;
const RETRYABLE_STATUS: ReadonlySet<number> = new Set([
  ...[408, 409, 425, 429, 500, 502, 503, 504, 529],
  // Of a network before the server: it did not answer, or not in time.
  ...[520, 521, 522, 523, 524, 525, 527, 530],
]);
/** No other try helps: the address is of another kind of server, or the key may not leave for another place. */
const HOPELESS_CAUSE =
  /^(?:ERR_SSL|EPROTO|ERR_TLS|DEPTH_ZERO|SELF_SIGNED|CERT_|UNABLE_TO_VERIFY|ERR_INVALID)|redirect|unexpected scheme|wrong version/i;

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
        .catch(asFailure(options, context));
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
  const location = response.headers.get('location') ?? 'nowhere';
  const to = (URL.parse(location, response.url)?.href ?? location).replace(/\/chat\/completions$/, '');
  const message = `The model endpoint answered ${response.status}: it is elsewhere (${to.slice(0, 200)}). Set OPENAI_BASE_URL to that address.`;
  return new EngineError('engine_rejected', message, { retryable: false });
}

/** A refusal with a status, or an error told in the middle of an answer. */
export class StatusFailure extends Error {
  readonly status: number;
  readonly said: ServerError;
  readonly retryAfterMs: number | undefined;
  /** `while answering`, when the status of the response itself was a good one. */
  readonly when: string;

  constructor(status: number, said: ServerError, retryAfterMs: number | undefined, when = '') {
    super(said.message);
    this.status = status;
    this.said = said;
    this.retryAfterMs = retryAfterMs;
    this.when = when;
  }

  static async from(response: Response): Promise<StatusFailure> {
    const said = reasonIn((await response.text()).slice(0, BODY_CHARS_MAX));
    return new StatusFailure(response.status, said, retryAfter(response.headers, said));
  }
}

interface Failure {
  readonly error: EngineError;
  readonly retryAfterMs?: number | undefined;
  readonly loading?: boolean;
}

/** Turns anything thrown by a try into an EngineError. */
function asFailure(options: TransportOptions, { hasStarted }: ExchangeContext): (thrown: unknown) => Failure {
  return (thrown) => {
    if (thrown instanceof EngineError) return { error: thrown };
    const where = safeOrigin(options.baseUrl);
    if (thrown instanceof StatusFailure) {
      const loading =
        isReloading(thrown.said) || (thrown.status !== 400 && thrown.status !== 401 && isLoading(thrown.said));
      return { error: statusError(thrown, where, options), retryAfterMs: thrown.retryAfterMs, loading };
    }
    if (thrown instanceof TimeoutFailure) {
      const message = `The model endpoint ${where} ${thrown.message}. Raise LLM_TIMEOUT_MS, or use a smaller model.`;
      const code = thrown.whole && hasStarted() ? 'engine_slow' : 'engine_timeout';
      return { error: new EngineError(code, message, { retryable: false, cause: thrown }) };
    }
    return { error: unreachable(options, where, thrown, hasStarted()) };
  };
}

function unreachable(
  { baseUrl, api }: TransportOptions,
  where: string,
  thrown: unknown,
  started: boolean,
): EngineError {
  const cause = causeOf(thrown);
  if (/^Z_/.test(cause)) {
    const message = `The model endpoint ${where} sent a body that cannot be unpacked (${cause}): it is not packed as its headers say.`;
    return new EngineError('engine_bad_answer', message, { retryable: false, cause: thrown });
  }
  if (started || /SOCKET|ECONNRESET|terminated|aborted/i.test(cause)) {
    const when = started ? 'in the middle of the answer' : 'before the answer was there';
    const https = !started && baseUrl.startsWith('http:') ? ' Or it wants https.' : '';
    const message = `The model endpoint ${where} broke the connection ${when} (${cause}). It may have crashed: see its own log.${https}`;
    return new EngineError('engine_stream_cut', message, { retryable: true, cause: thrown });
  }
  const message = `The model endpoint ${where} cannot be reached (${cause}). ${adviceOn(cause, addressSetting(api))}`;
  const retryable = URL.canParse(baseUrl) && !HOPELESS_CAUSE.test(cause);
  return new EngineError('engine_unreachable', message, { retryable, cause: thrown });
}

function adviceOn(cause: string, setting: string): string {
  if (/wrong[_ ]version/i.test(cause)) return `It does not speak https: begin ${setting} with http://.`;
  return /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/.test(cause)
    ? 'Its certificate is signed by nobody who is known here: name that one in NODE_EXTRA_CA_CERTS.'
    : `Is it running, and is ${setting} right?`;
}

function addressSetting(api: TransportOptions['api']): string {
  return api === 'ollama' ? 'OLLAMA_HOST' : 'OPENAI_BASE_URL';
}

const ABOUT_NAMES = {
  openai: "Check OPENAI_BASE_URL (it ends in /v1 as a rule) and the model's name.",
  ollama: 'Pull the model with `ollama pull`, or name one that is there in OPENAI_MODEL (`mesh models ls`).',
} as const;

function statusError(failure: StatusFailure, where: string, { api = 'openai' }: TransportOptions): EngineError {
  const { status, said, when } = failure;
  const what = when === '' ? `answered ${status}: ${said.message}` : `reported an error ${when}: ${said.message}`;
  const text = `The model endpoint ${where} ${what}`;
  const retryable = RETRYABLE_STATUS.has(status) && (isLoading(said) || !isHopeless(said));
  const make = (code: EngineError['code'], message: string): EngineError =>
    new EngineError(code, message, { retryable, cause: failure });
  if (isDeclined(said)) return new EngineError('engine_refused', `${text}.`, { retryable: false });
  if (status === 401 || status === 403 || isAboutTheKey(said))
    return make('engine_unauthorised', `${text}. Check OPENAI_API_KEY.`);
  if (status === 429) return make('engine_rate_limited', `${text}.`);
  if (status === 404 || /unexpected endpoint/i.test(said.message))
    return make('engine_rejected', `${text}. ${ABOUT_NAMES[api]}`);
  return make(status >= 500 ? 'engine_unavailable' : 'engine_rejected', `${text}.`);
}

/** Statuses by which servers say that they do not like what a request holds. */
const ABOUT_THE_REQUEST: ReadonlySet<number> = new Set([400, 404, 405, 413, 415, 422, 500, 501]);

/** What the server did not like about the request; null for any other error. */
export function refusalOf(error: unknown): (ServerError & { readonly status: number }) | null {
  if (!(error instanceof EngineError) || !(error.cause instanceof StatusFailure)) return null;
  const { said, status } = error.cause;
  return ABOUT_THE_REQUEST.has(status) && !isLoading(said) ? { ...said, status } : null;
}

/** Reads a body as JSON. @throws EngineError */
export async function readJson(response: Response): Promise<unknown> {
  const value = parsed(await response.text());
  if (value !== undefined) return value;
  const message = 'The endpoint answered with something that is not JSON. Is OPENAI_BASE_URL right?';
  throw new EngineError('engine_bad_answer', message, { retryable: false });
}

/** Scheme, host and path; an address may carry a password, which no message repeats. */
function safeOrigin(baseUrl: string): string {
  const url = URL.parse(baseUrl);
  return url === null || url.host === '' ? '(not an address)' : `${url.origin}${url.pathname}`;
}

function causeOf(thrown: unknown): string {
  let error: unknown = thrown;
  while (error instanceof Error && error.cause instanceof Error) error = error.cause;
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  // fetch repeats an address it refuses, with the password in it.
  return (error instanceof Error ? error.message : String(error)).replace(/\/\/[^/\s]*@/g, '//');
}
