/**
 * One connection to an MCP server, from its beginning to its end. Owns: the transport, what an error of the SDK says
 * about the other side, and following the list of tools. Does not own: connecting again (remote-server.ts).
 */
import type { Client, JsonSchemaValidator, jsonSchemaValidator, Tool as SdkTool } from '@modelcontextprotocol/client';
import manifest from '../../package.json' with { type: 'json' };
import { blanking } from './blanking.ts';
import type { ServerConfig } from './config.ts';
import { type McpAnswer, type McpCall, McpError, type McpTool } from './port.ts';
import { resultText } from './result-text.ts';

const CONNECT_MS_MAX = 20_000;
/** A server that knows nothing of newer protocols may not answer the question for them at all. */
const PROBE_MS_MAX = 5000;
/** One message of a server. A larger one ends the connection: putting it together costs more than its size. */
const MESSAGE_BYTES_MAX = 8 * 1024 * 1024;
/** Of one server; more is a mistake, or meant to fill memory. */
const TOOLS_MAX = 100;
const SCHEMA_CHARS_MAX = 64_000;
const DESCRIPTION_CHARS_MAX = 1000;
/** What a server writes on standard error, its end, for the reason of a failure. */
const STDERR_CHARS_MAX = 500;

export interface ConnectionEvents {
  readonly onTools: (tools: readonly McpTool[], problem: string | null) => void;
  /** The connection ended by itself. */
  readonly onEnd: (why: string) => void;
}

export interface Connection {
  call(tool: McpTool, args: Readonly<Record<string, unknown>>, call: McpCall): Promise<McpAnswer>;
  /** Process of a stdio server. */
  readonly pid: number | null;
  close(): Promise<void>;
}

const unchecked: jsonSchemaValidator = {
  getValidator<T>(): JsonSchemaValidator<T> {
    return (input: unknown) => ({ valid: true, data: input as T, errorMessage: undefined });
  },
};

/** Connects and lists the tools. @throws Error whose message says why there is no connection */
export async function connect(
  config: ServerConfig,
  events: ConnectionEvents,
  signal: AbortSignal,
): Promise<Connection> {
  const sdk = await import('@modelcontextprotocol/client');
  const { transport, saying } = await transportOf(config);
  const blank = blanking(config);
  let ended = false;
  let flooded = false;
  const end = (why: string): void => {
    if (ended) return;
    ended = true;
    events.onEnd(blank(why));
  };
  const client = new sdk.Client(
    { name: 'agent-mesh', version: manifest.version },
    {
      // A schema is a program of its server's: who uses the answer checks it where that may take long.
      jsonSchemaValidator: unchecked,
      versionNegotiation: { mode: 'auto', probe: { timeoutMs: PROBE_MS_MAX } },
      listChanged: {
        tools: {
          onChanged: (error, changed) => {
            if (error !== null || changed === null) events.onTools([], `its tools cannot be listed: ${String(error)}`);
            else tellTools(config.name, changed, events);
          },
        },
      },
    },
  );
  try {
    await client.connect(transport, { timeout: CONNECT_MS_MAX, signal });
    if (client.getServerCapabilities()?.tools === undefined) throw new Error('it offers no tools');
    const { tools } = await client.listTools(undefined, { timeout: CONNECT_MS_MAX, signal });
    tellTools(config.name, tools, events);
  } catch (error) {
    ended = true;
    await client.close();
    const said = saying();
    // Without its cause, which may quote a secret.
    throw new Error(blank(`${startFailure(config, error)}${said === '' ? '' : `; it said: ${said}`}`));
  }
  client.onerror = (error) => {
    // The transport says why it closes right before it does.
    flooded ||= /exceeded maximum size/i.test(error.message);
  };
  // What a server writes after a call may be what it was called with, which is nobody's to read in a log.
  let called = false;
  client.onclose = () => end(called || saying() === '' ? 'it ended' : `it ended; it said: ${saying()}`);
  return {
    call(tool, args, call) {
      called = true;
      return callTool({ client, config, sdk, blank, lost: end, flooded: () => flooded }, tool, args, call);
    },
    get pid() {
      return 'pid' in transport ? transport.pid : null;
    },
    async close() {
      ended = true;
      await client.close();
    },
  };
}

/** `ENOENT` of a spawn says nothing to a person, and may be about the folder as well. */
function startFailure(config: ServerConfig, error: unknown): string {
  const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  if (!missing || config.kind === 'http') return messageOf(error);
  return `command ${config.command} was not found, or its cwd ${config.cwd} does not exist`;
}

async function transportOf(config: ServerConfig) {
  if (config.kind === 'http') {
    const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
    const transport = new StreamableHTTPClientTransport(new URL(config.url), {
      requestInit: { headers: { ...config.headers } },
    });
    return { transport, saying: () => '' };
  }
  const { getDefaultEnvironment, StdioClientTransport } = await import('@modelcontextprotocol/client/stdio');
  const transport = new StdioClientTransport({
    command: config.command,
    args: [...config.args],
    env: { ...getDefaultEnvironment(), ...config.env },
    cwd: config.cwd,
    stderr: 'pipe',
    maxBufferSize: MESSAGE_BYTES_MAX,
  });
  let said = '';
  transport.stderr?.on('data', (chunk: unknown) => {
    said = `${said}${String(chunk)}`.slice(-STDERR_CHARS_MAX);
  });
  return { transport, saying: () => said.trim().replaceAll(/\s+/g, ' ') };
}

function tellTools(server: string, listed: readonly SdkTool[], events: ConnectionEvents): void {
  const odd: string[] = [];
  const tools: McpTool[] = [];
  for (const tool of listed) {
    const why = whyNot(tool, tools.length);
    if (why === null) tools.push(toolOf(server, tool));
    else odd.push(`${tool.name.slice(0, 60)}: ${why}`);
  }
  const problem = odd.length === 0 ? null : `${odd.length} tools are left out (${odd.slice(0, 3).join('; ')})`;
  events.onTools(tools, problem);
}

function whyNot(tool: SdkTool, taken: number): string | null {
  if (taken >= TOOLS_MAX) return `only ${TOOLS_MAX} tools of a server are used`;
  if (!/^[\w./-]{1,100}$/.test(tool.name)) return 'its name has other signs than letters, digits, . / - _';
  const schemas = [tool.inputSchema, tool.outputSchema ?? {}];
  if (schemas.some((schema) => JSON.stringify(schema).length > SCHEMA_CHARS_MAX)) return 'its schema is too large';
  return null;
}

function toolOf(server: string, tool: SdkTool): McpTool {
  return {
    server,
    name: tool.name,
    description: (tool.description ?? tool.title ?? '').slice(0, DESCRIPTION_CHARS_MAX),
    inputSchema: tool.inputSchema,
    ...(tool.outputSchema === undefined ? {} : { outputSchema: tool.outputSchema }),
    readOnly: tool.annotations?.readOnlyHint === true,
    idempotent: tool.annotations?.idempotentHint === true,
  };
}

interface Called {
  readonly client: Client;
  readonly config: ServerConfig;
  readonly sdk: typeof import('@modelcontextprotocol/client');
  /** Without the secrets of the entry. */
  readonly blank: (text: string) => string;
  /** The connection cannot be used any more. */
  readonly lost: (why: string) => void;
  /** A message was larger than one may be, and the connection ended by it. */
  readonly flooded: () => boolean;
}

async function callTool(
  called: Called,
  tool: McpTool,
  args: Readonly<Record<string, unknown>>,
  { signal, idempotencyKey, onProgress }: McpCall,
): Promise<McpAnswer> {
  const { client, config, blank } = called;
  signal.throwIfAborted();
  const params = {
    name: tool.name,
    arguments: { ...args },
    _meta: { 'dev.agentmesh/idempotency-key': idempotencyKey },
  };
  const options = {
    signal,
    timeout: config.timeoutMs,
    maxTotalTimeout: config.timeoutMs,
    onprogress: ({ message, progress, total }: { message?: string; progress: number; total?: number }) =>
      onProgress(message ?? `${progress}${total === undefined ? '' : ` of ${total}`}`),
  };
  const result = await client.callTool(params, options).catch((error: unknown) => {
    throw signal.aborted ? signal.reason : failureOf(called, error);
  });
  const { text, attachments } = resultText(result);
  if (result.isError === true)
    throw new McpError('failed', text === '' ? 'it failed and said nothing' : blank(text).slice(0, 1500));
  const { structuredContent: structured } = result;
  const answer = { text: text === '' ? '(nothing)' : text, attachments };
  return structured === undefined ? answer : { ...answer, structured };
}

/** What became of a call that has no answer. */
function failureOf({ sdk, config, blank, lost, flooded }: Called, error: unknown): McpError {
  const { SdkErrorCode } = sdk;
  const say = (code: McpError['code'], message: string): McpError =>
    new McpError(code, blank(message), { cause: error });
  if (sdk.ProtocolError.isInstance(error))
    return say(error.code === sdk.ProtocolErrorCode.InvalidParams ? 'bad_arguments' : 'failed', error.message);
  if (sdk.SdkHttpError.isInstance(error)) {
    lost(`it answered ${error.status}`);
    // A status of 4xx is a refusal; one of 5xx may come after the deed.
    return say(error.status >= 500 ? 'cut_off' : 'unavailable', `the server answered ${error.status}`);
  }
  if (sdk.SdkError.isInstance(error)) {
    switch (error.code) {
      case SdkErrorCode.RequestTimeout:
        return say('timeout', `no answer within ${config.timeoutMs / 1000} s`);
      case SdkErrorCode.NotConnected:
        return say('unavailable', 'the server is not connected');
      case SdkErrorCode.InvalidResult:
      case SdkErrorCode.UnsupportedResultType:
        return say('failed', `its answer is not what its schema says: ${error.message}`);
      default:
        lost(error.message);
        if (flooded()) return say('too_large', `its answer is larger than ${MESSAGE_BYTES_MAX / 1_048_576} MiB`);
        return say('cut_off', `the connection ended before the answer: ${error.message}`);
    }
  }
  lost(messageOf(error));
  return wasRefused(error)
    ? say('unavailable', `the server cannot be reached: ${messageOf(error)}`)
    : say('cut_off', `the connection ended before the answer: ${messageOf(error)}`);
}

/** The connection was never made, so nothing can have been sent over it. */
function wasRefused(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth += 1) {
    if ('code' in cause && ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'].includes(String(cause.code)))
      return true;
  }
  return false;
}

/** `fetch failed` alone tells nobody anything: the innermost reason does. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const inner = error.cause instanceof Error ? messageOf(error.cause) : '';
  const text = inner === '' || error.message.includes(inner) ? error.message : `${error.message}: ${inner}`;
  return text.replaceAll(/\s+/g, ' ').slice(0, 600);
}
