/**
 * An endpoint that can be ill: a real HTTP server that speaks as an OpenAI-compatible one does, refuses, or hangs. Owns:
 * how it answers now. Does not own: who asks.
 */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';

export type Health = 'well' | 'refuses' | 'hangs';

const TEXT = 'A breaker leaves alone what keeps failing [1].';

export class Endpoint {
  health: Health = 'well';
  /** How long a generation takes, milliseconds. */
  tookMs = 0;
  asked = 0;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      request.resume();
      request.on('end', () => this.#answer(request.url ?? '', response));
    });
  }

  static async open(): Promise<Endpoint> {
    const endpoint = new Endpoint();
    endpoint.#server.listen(0, '127.0.0.1');
    await once(endpoint.#server, 'listening');
    return endpoint;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the endpoint is closed');
    return `http://127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #answer(path: string, response: ServerResponse): void {
    this.asked += 1;
    switch (this.health) {
      case 'hangs':
        return;
      case 'refuses':
        response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":{"message":"out of order"}}');
        return;
      case 'well':
        setTimeout(() => (path.endsWith('/models') ? models(response) : completion(response)), this.tookMs);
        return;
      default:
        throw new RangeError(`no health ${String(this.health satisfies never)}`);
    }
  }
}

function models(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"object":"list","data":[{"id":"stress"}]}');
}

function completion(response: ServerResponse): void {
  const piece = (delta: object, finish: string | null): string =>
    `data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(`${piece({ role: 'assistant', content: TEXT }, null)}${piece({}, 'stop')}data: [DONE]\n\n`);
}
