/**
 * What a server says of a file, and its bytes from a place on. Owns: the requests, their time limits, and reading the
 * headers. Does not own: where bytes are kept, or trying again.
 *
 * Servers of large files answer with a redirect to their storage; Hugging Face names the file's SHA-256 and size in the
 * redirect itself (`x-linked-etag`, `x-linked-size`), so it is looked at before it is followed.
 */

/** What can be done about it is in the message. `passing`: another try may succeed. */
export class DownloadError extends Error {
  override readonly name = 'DownloadError';
  readonly passing: boolean;

  constructor(message: string, options: { passing: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.passing = options.passing;
  }
}

export interface RemoteFile {
  /** Where the bytes are, after redirects. */
  readonly url: string;
  /** Null when the server does not say. */
  readonly bytes: number | null;
  /** Lower-case hexadecimal; null when the server does not say. */
  readonly sha256: string | null;
  /** Tells whether it is still the same file; null when the server does not say. */
  readonly etag: string | null;
}

const REDIRECTS_MAX = 5;
/** For an answer to begin, and between two pieces of it. */
const SILENCE_MS_MAX = 30_000;
const PASSING_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** @throws DownloadError */
export async function lookAt(url: string, signal: AbortSignal): Promise<RemoteFile> {
  let at = url;
  let found: Omit<RemoteFile, 'url'> = { bytes: null, sha256: null, etag: null };
  for (let i = 0; i <= REDIRECTS_MAX; i += 1) {
    checkAddress(at);
    const response = await request(at, { method: 'HEAD' }, signal);
    found = merged(found, response.headers, isRedirect(response.status));
    if (!isRedirect(response.status)) {
      // A server that does not know HEAD says nothing of the file beforehand.
      if (!response.ok && response.status !== 405 && response.status !== 501) throw refused(at, response.status);
      return response.ok ? { url: at, ...found } : { url: at, bytes: null, sha256: null, etag: null };
    }
    const location = response.headers.get('location');
    if (location === null) throw new DownloadError(`${hostOf(at)} redirects to nowhere`, { passing: false });
    at = new URL(location, at).href;
  }
  throw new DownloadError(`${hostOf(url)} redirects more than ${REDIRECTS_MAX} times`, { passing: false });
}

/** What was named first stands: the redirect speaks of the file, the storage of its copy. */
function merged(known: Omit<RemoteFile, 'url'>, headers: Headers, redirecting: boolean): Omit<RemoteFile, 'url'> {
  const etag = unquoted(headers.get('x-linked-etag') ?? (redirecting ? null : headers.get('etag')));
  const size = headers.get('x-linked-size') ?? (redirecting ? null : headers.get('content-length'));
  return {
    bytes: known.bytes ?? (size !== null && /^\d{1,15}$/.test(size) ? Number(size) : null),
    sha256: known.sha256 ?? (etag !== null && /^[0-9a-f]{64}$/i.test(etag) ? etag.toLowerCase() : null),
    etag: known.etag ?? etag,
  };
}

function unquoted(etag: string | null): string | null {
  return etag === null ? null : etag.replace(/^W\//, '').replaceAll('"', '');
}

export interface Bytes {
  /** Place of the first byte: what was asked for, or 0 when the server sends the whole. */
  readonly from: number;
  readonly pieces: AsyncIterable<Uint8Array>;
}

/** The bytes from that place on, or all of them if the server cannot do that. @throws DownloadError */
export async function readFrom(url: string, from: number, signal: AbortSignal): Promise<Bytes> {
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (from > 0) headers.range = `bytes=${from}-`;
  const response = await request(url, { method: 'GET', headers }, signal);
  // 416: there is nothing from there on, so what is kept is not a part of this file.
  if (response.status === 416) return readFrom(url, 0, signal);
  if (!response.ok) throw refused(url, response.status);
  if (response.body === null) throw new DownloadError(`${hostOf(url)} sent an empty answer`, { passing: true });
  const start = response.status === 206 ? rangeStart(response.headers.get('content-range')) : 0;
  if (start !== 0 && start !== from)
    throw new DownloadError(`${hostOf(url)} sent other bytes than were asked for`, { passing: false });
  return { from: start, pieces: withSilenceLimit(response.body, hostOf(url)) };
}

function rangeStart(header: string | null): number {
  const match = /^bytes (\d{1,15})-/.exec(header ?? '');
  return match === null ? -1 : Number(match[1]);
}

async function* withSilenceLimit(body: AsyncIterable<Uint8Array>, host: string): AsyncGenerator<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await within(iterator.next(), host);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // Closes the connection when whoever reads has had enough; a broken one has nothing to close.
    await iterator.return?.().catch(() => undefined);
  }
}

async function within<T>(next: Promise<T>, host: string): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new DownloadError(`${host} went silent for ${SILENCE_MS_MAX / 1000} s`, { passing: true })),
    SILENCE_MS_MAX,
  );
  try {
    return await Promise.race([next, promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function request(url: string, init: RequestInit, signal: AbortSignal): Promise<Response> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), SILENCE_MS_MAX);
  try {
    return await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.any([signal, silence.signal]) });
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    const why = silence.signal.aborted ? `gave no answer within ${SILENCE_MS_MAX / 1000} s` : reasonOf(cause);
    throw new DownloadError(`${hostOf(url)} cannot be reached (${why})`, { passing: true, cause });
  } finally {
    clearTimeout(timer);
  }
}

/** In the open only where nobody sits in between: a model is code in all but name. */
function checkAddress(url: string): void {
  const { protocol, hostname } = new URL(url);
  if (protocol === 'https:') return;
  const isHere = hostname === '127.0.0.1' || hostname === 'localhost' || hostname === '[::1]';
  if (protocol === 'http:' && isHere) return;
  throw new DownloadError(`${hostOf(url)} is not reached by https; only this machine may be reached without`, {
    passing: false,
  });
}

function refused(url: string, status: number): DownloadError {
  const advice =
    status === 401 || status === 403 || status === 404
      ? '; it may have moved, or ask for a login'
      : '; try again later';
  return new DownloadError(`${hostOf(url)} answered ${status}${advice}`, { passing: PASSING_STATUS.has(status) });
}

function isRedirect(status: number): boolean {
  return status >= 301 && status <= 308 && status !== 304;
}

function hostOf(url: string): string {
  return new URL(url).host;
}

function reasonOf(thrown: unknown): string {
  let error: unknown = thrown;
  while (error instanceof Error && error.cause instanceof Error) error = error.cause;
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.message : String(error);
}
