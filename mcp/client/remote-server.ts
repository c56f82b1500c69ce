/**
 * One MCP server over all its connections. Owns: connecting in the background, connecting again with back-off, and
 * giving up a connection that does not answer. Does not own: a connection (connection.ts).
 *
 * 1. At most one connection or attempt at a time; after `close` none begins.
 * 2. The pause between attempts doubles up to a maximum and starts anew once a connection has lasted.
 * 3. A call waits for a connection that is about to come, for a bounded time; otherwise it fails before anything is sent.
 */
import { type BackOff, backOffMs } from '../../resilience/back-off.ts';
import type { ServerConfig } from './config.ts';
import { type Connection, type ConnectionEvents, connect, messageOf } from './connection.ts';
import { type McpAnswer, type McpCall, McpError, type McpServerState, type McpTool } from './port.ts';

const PAUSES: BackOff = { firstMs: 250, maxMs: 30_000 };
/** A connection that lasted this long was a good one. */
const LASTING_MS = 30_000;
/** A call waits so long for a connection that is being made, and not for one whose next attempt is further off. */
const WAIT_MS_MAX = 10_000;
/** A stop waits so long for an attempt that is under way. */
const CLOSE_MS_MAX = 1000;
/** Calls in a row without an answer, after which the connection is given up: its process may hang. */
const SILENT_CALLS_MAX = 2;

export interface ServerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface McpServer {
  readonly config: ServerConfig;
  start(): void;
  /** Resolves after the first attempt. */
  readonly tried: Promise<void>;
  tools(): readonly McpTool[];
  call(tool: McpTool, args: Readonly<Record<string, unknown>>, call: McpCall): Promise<McpAnswer>;
  state(): McpServerState;
  close(): Promise<void>;
}

/** @param onProcess told the process of a stdio server, and null when it has ended */
export function createMcpServer(
  config: ServerConfig,
  log: ServerLog,
  onProcess: (pid: number | null) => void = () => undefined,
): McpServer {
  const { name } = config;
  const tried = Promise.withResolvers<void>();
  let connection: Connection | null = null;
  let attempt: Promise<void> | null = null;
  let tools: readonly McpTool[] = [];
  let problem: string | null = null;
  let oddity: string | null = null;
  /** Connections that ended soon, and attempts that failed, in a row. */
  let failures = 1;
  let nextAtMs = 0;
  let connectedAtMs = 0;
  let silent = 0;
  let timer: NodeJS.Timeout | undefined;
  let started = false;
  const closing = new AbortController();
  let closed = false;

  const ended = (why: string): void => {
    const gone = connection;
    connection = null;
    problem = why;
    onProcess(null);
    if (closed) return;
    if (performance.now() - connectedAtMs > LASTING_MS) failures = 1;
    void gone
      ?.close()
      .catch((error: unknown) => log.warn({ server: name, error: messageOf(error) }, 'a connection did not end'));
    log.warn({ server: name, why, pauseMs: backOffMs(PAUSES, failures) }, 'the MCP server is gone; connecting again');
    later();
  };
  const later = (): void => {
    if (closed || attempt !== null) return;
    clearTimeout(timer);
    const pauseMs = backOffMs(PAUSES, failures);
    nextAtMs = performance.now() + pauseMs;
    timer = setTimeout(begin, pauseMs);
    timer.unref();
    failures += 1;
  };
  const begin = (): void => {
    if (closed || attempt !== null || connection !== null) return;
    attempt = make().finally(() => {
      attempt = null;
      tried.resolve();
      if (connection === null) later();
    });
  };
  const make = async (): Promise<void> => {
    let lost: string | null = null;
    try {
      const onTools: ConnectionEvents['onTools'] = (listed, odd) => {
        tools = listed;
        oddity = odd;
        log.info({ server: name, tools: listed.length, odd }, 'the MCP server lists its tools');
      };
      const onEnd = (why: string): void => {
        if (connection === null) lost = why;
        else ended(why);
      };
      const made = await connect(config, { onTools, onEnd }, closing.signal);
      if (closed || lost !== null) {
        problem = lost;
        await made.close();
        return;
      }
      connection = made;
      onProcess(made.pid);
      connectedAtMs = performance.now();
      silent = 0;
      problem = null;
      log.info({ server: name, pid: made.pid, tools: tools.length }, 'the MCP server is connected');
    } catch (error) {
      problem = messageOf(error);
      if (closed) return;
      log.warn(
        { server: name, why: problem, pauseMs: backOffMs(PAUSES, failures) },
        'the MCP server does not start; trying again',
      );
    }
  };
  /** The connection, waited for while it is about to come. @throws McpError `unavailable` */
  const ready = async (signal: AbortSignal): Promise<Connection> => {
    if (connection !== null) return connection;
    if (attempt === null && nextAtMs - performance.now() < WAIT_MS_MAX / 2) {
      const waitMs = Math.max(0, nextAtMs - performance.now());
      if (waitMs > 0) await pause(waitMs, signal);
      begin();
    }
    if (attempt !== null) await Promise.race([attempt, pause(WAIT_MS_MAX, signal)]);
    if (connection !== null) return connection;
    const seconds = Math.max(1, Math.ceil((nextAtMs - performance.now()) / 1000));
    throw new McpError(
      'unavailable',
      `the MCP server ${name} is down (${problem ?? 'it is starting'}); tried again in ${seconds} s`,
    );
  };

  return {
    config,
    tried: tried.promise,
    start() {
      if (started) return;
      started = true;
      begin();
    },
    tools: () => tools,
    async call(tool, args, call) {
      started = true;
      const used = await ready(call.signal);
      try {
        const answer = await used.call(tool, args, call);
        silent = 0;
        return answer;
      } catch (error) {
        if (!(error instanceof McpError)) throw error;
        silent = error.code === 'timeout' ? silent + 1 : 0;
        if (silent >= SILENT_CALLS_MAX && connection === used) ended(`${silent} calls in a row had no answer`);
        throw error;
      }
    },
    state() {
      const state = connection !== null ? 'ready' : attempt !== null ? 'connecting' : started ? 'down' : 'idle';
      return { name, state, problem: problem ?? oddity, tools: tools.length };
    },
    async close() {
      closed = true;
      closing.abort(new McpError('unavailable', 'the process is stopping'));
      clearTimeout(timer);
      // An attempt that does not end in time ends its process when it does.
      await Promise.race([attempt, pause(CLOSE_MS_MAX, new AbortController().signal)]);
      await connection?.close();
      connection = null;
      onProcess(null);
    },
  };
}

/** Rejects with the signal's reason when that comes first. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
      resolve();
    }
    function aborted(): void {
      clearTimeout(timer);
      reject(signal.reason);
    }
    signal.addEventListener('abort', aborted, { once: true });
  });
}
