/**
 * A receiver of push notifications. Owns: what came in, and refusing or redirecting on demand. Does not own: who sends.
 */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { Changes } from './changes.ts';

interface Notification {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** As it was sent. */
  readonly text: string;
  /** A StreamResponse in JSON. */
  readonly body: Readonly<Record<string, unknown>>;
  /** How it was answered. */
  readonly status: number;
}

export class Receiver {
  readonly notifications: Notification[] = [];
  readonly #server: Server;
  readonly #changes = new Changes();
  readonly #answers = new Map<string, number[]>();

  private constructor() {
    this.#server = createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        const path = request.url ?? '/';
        const status = this.#answers.get(path)?.shift() ?? 200;
        const text = Buffer.concat(pieces).toString('utf8');
        const body = JSON.parse(text) as Record<string, unknown>;
        this.notifications.push({ path, headers: request.headers, text, body, status });
        response.writeHead(status, status === 302 ? { location: this.url('/redirected') } : {});
        response.end();
        this.#changes.tell();
      });
    });
  }

  static async open(): Promise<Receiver> {
    const receiver = new Receiver();
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  /** `host:port`. */
  get host(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the receiver is closed');
    return `127.0.0.1:${address.port}`;
  }

  url(path: string): string {
    return `http://${this.host}${path}`;
  }

  /** The next notifications to the path are answered so. */
  answer(path: string, ...statuses: number[]): void {
    this.#answers.set(path, statuses);
  }

  at(path: string): Notification[] {
    return this.notifications.filter((one) => one.path === path);
  }

  /** States and artifacts that a path has taken, each as often as it was taken. */
  taken(path: string): string[] {
    return this.at(path)
      .filter(({ status }) => status === 200)
      .map(({ body }) => kindOf(body));
  }

  until(path: string, kind: string, limitMs: number): Promise<string[]> {
    return this.#changes.until(
      () => (this.taken(path).includes(kind) ? this.taken(path) : undefined),
      limitMs,
      () => `${path} was told ${this.taken(path).join(', ')}, but not ${kind}`,
    );
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

function kindOf(body: Readonly<Record<string, unknown>>): string {
  const update = body.statusUpdate as { status?: { state?: string } } | undefined;
  if (update !== undefined) return update.status?.state ?? 'no state';
  return Object.keys(body)[0] ?? 'nothing';
}
