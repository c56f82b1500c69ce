/** A real HTTP server that speaks as much of the chat completions protocol as a test tells it to, and as badly. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ChatServer {
  readonly baseUrl: string;
  /** What was asked, in order. */
  readonly requests: { method: string; path: string; headers: IncomingMessage['headers']; body: unknown }[];
  close(): Promise<void>;
}

type Handler = (response: ServerResponse, index: number) => void | Promise<void>;

/** `chat` answers POST /v1/chat/completions; its index counts those requests from 0. */
export async function startChatServer(
  chat: Handler,
  models: unknown = { data: [{ id: 'm1' }] },
  listenAt = 0,
): Promise<ChatServer> {
  const requests: ChatServer['requests'] = [];
  let chats = 0;
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += String(piece);
    const path = request.url ?? '';
    const json: unknown = body === '' ? undefined : JSON.parse(body);
    requests.push({ method: request.method ?? '', path, headers: request.headers, body: json });
    if (path === '/v1/models') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(models));
      return;
    }
    chats += 1;
    await chat(response, chats - 1);
  });
  await new Promise<void>((resolve) => server.listen(listenAt, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const event = (content: string, finish: string | null = null): string =>
  `data: ${JSON.stringify({ choices: [{ delta: { content }, finish_reason: finish }] })}\n\n`;

/** Streams the pieces and ends properly. */
export function streamText(response: ServerResponse, pieces: readonly string[], finish = 'stop'): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const piece of pieces) response.write(event(piece));
  response.write(event('', finish));
  response.end('data: [DONE]\n\n');
}

export function failWith(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ error: { message: `status ${status} on purpose` } }));
}
