/**
 * What went wrong with a request to a model endpoint, as the EngineError that a person reads. Owns: which failures may pass
 * by themselves, and the advice beside each. Does not own: how an error is worded by servers (openai-errors.ts), and
 * whether it is tried again (openai-transport.ts).
 *
 * No message repeats a password that stands in an address.
 */
import { EngineError } from '../../../../prompting/engine-error.ts';
import { TimeoutFailure } from './openai-deadline.ts';
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

export interface EndpointName {
  readonly baseUrl: string;
  /** Which setting is spoken of when the address or the model is wrong; OpenAI's unless told. */
  readonly api?: 'openai' | 'ollama' | undefined;
}

const BODY_CHARS_MAX = 10_000;
const RETRYABLE_STATUS: ReadonlySet<number> = new Set([
  ...[408, 409, 425, 429, 500, 502, 503, 504, 529],
  // Of a network before the server: it did not answer, or not in time.
  ...[520, 521, 522, 523, 524, 525, 527, 530],
]);
/** No other try helps: the address is of another kind of server, or the key may not leave for another place. */
const HOPELESS_CAUSE =
  /^(?:ERR_SSL|EPROTO|ERR_TLS|DEPTH_ZERO|SELF_SIGNED|CERT_|UNABLE_TO_VERIFY|ERR_INVALID)|redirect|unexpected scheme|wrong version/i;

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
export function asFailure(options: EndpointName, hasStarted: () => boolean): (thrown: unknown) => Failure {
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

function unreachable({ baseUrl, api }: EndpointName, where: string, thrown: unknown, started: boolean): EngineError {
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

function addressSetting(api: EndpointName['api']): string {
  return api === 'ollama' ? 'OLLAMA_HOST' : 'OPENAI_BASE_URL';
}

const ABOUT_NAMES = {
  openai: "Check OPENAI_BASE_URL (it ends in /v1 as a rule) and the model's name.",
  ollama: 'Pull the model with `ollama pull`, or name one that is there in OPENAI_MODEL (`mesh models ls`).',
} as const;

function statusError(failure: StatusFailure, where: string, { api = 'openai' }: EndpointName): EngineError {
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
