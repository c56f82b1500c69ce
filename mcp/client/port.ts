/**
 * Tools of MCP servers, as the tools role uses them. Owns: their form, and what each failure says about what happened on
 * the other side. Does not own: connections, or how a call is fenced against repetition.
 */

import type { Part } from '../../schemas/events/generated.ts';

export interface McpTool {
  readonly server: string;
  /** As its server knows it. */
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments, as the server sent it. */
  readonly inputSchema: object;
  /** That of what a call answers besides text, where the server says it. */
  readonly outputSchema?: object;
  /** The server says of itself that a call changes nothing. */
  readonly readOnly: boolean;
  /** The server says of itself that a call with the same arguments acts once. */
  readonly idempotent: boolean;
}

export interface McpCall {
  readonly signal: AbortSignal;
  /** Passed along as `_meta["dev.agentmesh/idempotency-key"]`: the same for every attempt at one deed. */
  readonly idempotencyKey: string;
  readonly onProgress: (note: string) => void;
}

export interface McpAnswer {
  readonly text: string;
  /** What it has besides text. */
  readonly attachments: readonly Part[];
  /** What is to be as the tool's output schema says; not checked here. */
  readonly structured?: unknown;
}

export interface McpServerState {
  readonly name: string;
  readonly state: 'idle' | 'connecting' | 'ready' | 'down';
  /** Why it is down, or what is odd about it. */
  readonly problem: string | null;
  readonly tools: number;
}

export interface McpLimits {
  /** For one call, milliseconds. */
  readonly timeoutMs: number;
  /** Calls at once. */
  readonly concurrencyMax: number;
}

export interface McpServers {
  /** Begins to connect, in the background; what was begun already goes on. */
  start(): void;
  /** Resolves when each server has answered or failed once, or after so long. */
  settled(limitMs: number): Promise<void>;
  tools(): readonly McpTool[];
  limits(server: string): McpLimits;
  /** @throws McpError, or the signal's reason */
  call(tool: McpTool, args: Readonly<Record<string, unknown>>, call: McpCall): Promise<McpAnswer>;
  states(): McpServerState[];
  /** Servers that `mcp.json` names and that are not used, and why not. */
  leftOut(): ReadonlyMap<string, string>;
  /** What is wrong with `mcp.json` or its servers, for people. */
  problems(): string[];
  /** Ends the connections, and the processes behind them. */
  close(): Promise<void>;
}

export type McpErrorCode =
  /** The server is not there: nothing was sent. */
  | 'unavailable'
  /** The connection ended before the answer: nobody knows what was done. */
  | 'cut_off'
  /** No answer in time: nobody knows what was done. */
  | 'timeout'
  /** The answer is larger than a message may be: the call was done, and would be as large again. */
  | 'too_large'
  /** The server does not take these arguments: nothing was done. */
  | 'bad_arguments'
  /** The server says that the call failed. */
  | 'failed';

export class McpError extends Error {
  readonly code: McpErrorCode;
  constructor(code: McpErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'McpError';
    this.code = code;
  }
}

/** For a mesh without MCP servers. */
export const noMcpServers: McpServers = {
  start: () => undefined,
  settled: () => Promise.resolve(),
  tools: () => [],
  limits: (server) => {
    throw new RangeError(`no MCP server ${server}`);
  },
  call: () => Promise.reject(new McpError('unavailable', 'no MCP server is set up')),
  states: () => [],
  leftOut: () => new Map(),
  problems: () => [],
  close: () => Promise.resolve(),
};
