/**
 * A server outside of the mesh that counts what is done to it. Owns: counting deeds as a server that honours idempotency
 * keys does, and holding, delaying or refusing answers on demand. Does not own: who calls it.
 *
 * A deed is a request that acted: the first one under its key, and every one that has no key.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Changes } from './changes.ts';

export interface CountedRequest {
  readonly path: string;
  /** Empty when the request had none. */
  readonly key: string;
  readonly body: string;
  readonly atMs: number;
  answered: boolean;
  /** The caller closed the connection before it had its answer. */
  aborted: boolean;
}

export class Counter {
  readonly #server: Server;
  readonly #changes = new Changes();
  readonly #requests: CountedRequest[] = [];
  readonly #held = new Set<string>();
  readonly #refusals = new Map<string, number>();
  readonly #texts = new Map<string, string>();
  readonly #waiting: { path: string; answer: () => void }[] = [];

  private constructor() {
    this.#server = createServer((request, response) => {
      void this.#take(request, response);
    });
  }

  static async open(): Promise<Counter> {
    const counter = new Counter();
    counter.#server.listen(0, '127.0.0.1');
    await once(counter.#server, 'listening');
    return counter;
  }

  /** `host:port`, as the list of allowed hosts wants it. */
  get host(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the counter is closed');
    return `127.0.0.1:${address.port}`;
  }

  url(path: string): string {
    return `http://${this.host}${path}`;
  }

  /** The prompt that makes the mesh post to a path. */
  prompt(tool: 'http_post' | 'http_post_once', path: string, body = '{}'): string {
    return `tool:${tool} ${JSON.stringify({ url: this.url(path), body })}`;
  }

  requests(path?: string): CountedRequest[] {
    return this.#requests.filter((request) => path === undefined || request.path === path);
  }

  /** How often something was done at a path. */
  deeds(path: string): number {
    const requests = this.requests(path);
    const keys = new Set(requests.map(({ key }) => key).filter((key) => key !== ''));
    return keys.size + requests.filter(({ key }) => key === '').length;
  }

  /** Requests to the path wait for their answer until `release`. */
  hold(path: string): void {
    this.#held.add(path);
  }

  release(path: string): void {
    this.#held.delete(path);
    for (const { path: waiting, answer } of this.#waiting.splice(0)) {
      if (waiting === path) answer();
      else this.#waiting.push({ path: waiting, answer });
    }
  }

  /** The next requests to the path are answered 503. */
  refuse(path: string, times: number): void {
    this.#refusals.set(path, times);
  }

  /** Requests to the path are answered with this text. */
  answer(path: string, text: string): void {
    this.#texts.set(path, text);
  }

  arrived(path: string, count: number, limitMs: number): Promise<CountedRequest[]> {
    return this.#changes.until(
      () => (this.requests(path).length >= count ? this.requests(path) : undefined),
      limitMs,
      () => `${path} was asked ${this.requests(path).length} times, not ${count}`,
    );
  }

  aborted(path: string, limitMs: number): Promise<CountedRequest> {
    const find = () => this.requests(path).find(({ aborted }) => aborted);
    return this.#changes.until(find, limitMs, `no request to ${path} was aborted`);
  }

  async close(): Promise<void> {
    for (const { answer } of this.#waiting.splice(0)) answer();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(Buffer.from(piece as Uint8Array));
    const key = request.headers['idempotency-key'];
    const path = request.url ?? '/';
    const counted: CountedRequest = {
      path,
      key: typeof key === 'string' ? key : '',
      body: Buffer.concat(pieces).toString('utf8'),
      atMs: Date.now(),
      answered: false,
      aborted: false,
    };
    response.on('close', () => {
      if (!counted.answered) counted.aborted = true;
      this.#changes.tell();
    });
    this.#requests.push(counted);
    this.#changes.tell();
    const answer = (): void => this.#answer(counted, response);
    if (this.#held.has(path)) this.#waiting.push({ path, answer });
    else answer();
  }

  #answer(counted: CountedRequest, response: ServerResponse): void {
    if (counted.aborted) return;
    counted.answered = true;
    const refusals = this.#refusals.get(counted.path) ?? 0;
    this.#refusals.set(counted.path, Math.max(0, refusals - 1));
    response.writeHead(refusals > 0 ? 503 : 200, { 'content-type': 'application/json' });
    response.end(
      this.#texts.get(counted.path) ?? JSON.stringify({ path: counted.path, deeds: this.deeds(counted.path) }),
    );
  }
}
