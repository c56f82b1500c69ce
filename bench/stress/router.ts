/**
 * The router with an engine in another process that takes calls and never answers, and is then gone, flooded with tasks.
 * Owns: that course. Does not own: the mesh around it. An engine that comes back is in the tests of the router.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Driven, StressRun } from './report.ts';
import type { Stage } from './stage.ts';

const BREAKER = 'router:engine';
const FLOOD = 200;
const OPEN_LIMIT_MS = 20_000;

/** Takes connections, and says nothing. */
class SilentServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => this.#sockets.delete(socket));
    });
  }

  static async open(): Promise<SilentServer> {
    const silent = new SilentServer();
    silent.#server.listen(0, '127.0.0.1');
    await once(silent.#server, 'listening');
    return silent;
  }

  get address(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the server is closed');
    return `127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }
}

let engine: SilentServer | null = null;

const asks = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ prompt: `What happens after crash number ${index}?` }));

async function drive(stage: Stage): Promise<Driven> {
  const hanging = await stage.tasks(asks(8));
  const opened = await stage.beat('agents', isOpen, OPEN_LIMIT_MS);
  await engine?.close();
  const flood = await stage.tasks(asks(FLOOD));
  await stage.spansSent();
  const tasks = [...hanging, ...flood];
  const spans = stage.collector.spans.filter(({ name }) => name === 'agent.route');
  const byRules = spans.filter(({ attributes }) => attributes['mesh.route.engine'] === 'rules');
  return {
    tasks,
    fallbacks: byRules.length,
    shown: {
      'every task has an answer': tasks.every(({ status }) => status === 'completed'),
      'the breaker opens, and the registry says so': opened !== null,
      'the rules decide meanwhile, with the reason on the span':
        byRules.length === tasks.length && byRules.every(({ attributes }) => attributes['mesh.route.reason'] !== ''),
      'confidence, memory and threads are on the spans': spans.every(
        ({ attributes }) =>
          typeof attributes['mesh.route.confidence'] === 'number' &&
          Number(attributes['process.memory.rss_mb']) > 0 &&
          Number(attributes['process.threads']) > 0,
      ),
    },
  };
}

function isOpen({ breakers }: { breakers?: readonly { name: string; state: string }[] | null }): boolean {
  return (breakers ?? []).some(({ name, state }) => name === BREAKER && state === 'open');
}

export const router: StressRun = {
  service: 'router',
  what: `an engine that hangs, is gone, and ${FLOOD} tasks at once`,
  async env() {
    engine = await SilentServer.open();
    return { ROUTER_URL: `grpc://${engine.address}` };
  },
  drive,
  close: async () => engine?.close(),
};
