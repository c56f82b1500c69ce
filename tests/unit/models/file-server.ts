/** A real HTTP server of one file that behaves as badly as a test tells it to. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FileServerOptions {
  readonly content: Buffer;
  /** Connections break after so many bytes of the body; the last entry stands for all that follow. */
  readonly breakAfter?: readonly (number | null)[];
  readonly ignoresRange?: boolean;
  readonly refusesHead?: boolean;
  /** As Hugging Face does: a redirect that names checksum and size. */
  readonly redirects?: boolean;
  /** Null: none. Of the content unless told. */
  readonly etag?: string | null;
  readonly status?: number;
}

export interface FileServer {
  readonly url: string;
  readonly sha256: string;
  /** Ranges of the GET requests, in order; empty for the whole. */
  readonly ranges: string[];
  options: FileServerOptions;
  close(): Promise<void>;
}

export const sha256Of = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

export async function startFileServer(options: FileServerOptions): Promise<FileServer> {
  const ranges: string[] = [];
  const server = createServer((request, response) => answer(own, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const own: FileServer = {
    url: `http://127.0.0.1:${port}/resolve/main/tiny.gguf`,
    sha256: sha256Of(options.content),
    ranges,
    options,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return own;
}

function answer(own: FileServer, request: IncomingMessage, response: ServerResponse): void {
  const { options } = own;
  const { content } = options;
  if (options.status !== undefined) {
    response.writeHead(options.status).end();
    return;
  }
  if (request.method === 'HEAD' && options.refusesHead === true) {
    response.writeHead(405).end();
    return;
  }
  if (options.redirects === true && request.url?.startsWith('/resolve') === true) {
    const named = { 'x-linked-etag': `"${sha256Of(content)}"`, 'x-linked-size': String(content.length) };
    response.writeHead(302, { location: '/storage/blob?signature=1', ...named }).end();
    return;
  }
  const etag = options.etag === undefined ? `"${sha256Of(content)}"` : options.etag;
  const common = { 'accept-ranges': 'bytes', ...(etag === null ? {} : { etag }) };
  if (request.method === 'HEAD') {
    response.writeHead(200, { ...common, 'content-length': content.length }).end();
    return;
  }
  const range = options.ignoresRange === true ? undefined : request.headers.range;
  own.ranges.push(request.headers.range ?? '');
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  const part = {
    'content-length': content.length - from,
    'content-range': `bytes ${from}-${content.length - 1}/${content.length}`,
  };
  response.writeHead(
    range === undefined ? 200 : 206,
    range === undefined ? { ...common, 'content-length': content.length } : { ...common, ...part },
  );
  const turn = own.ranges.length - 1;
  const limit = options.breakAfter?.[Math.min(turn, options.breakAfter.length - 1)] ?? null;
  if (limit === null) {
    response.end(content.subarray(from));
    return;
  }
  response.write(content.subarray(from, from + limit), () => setImmediate(() => response.destroy()));
}
