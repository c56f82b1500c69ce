/**
 * The port every tool implements, the error tools throw, and defineTool(), which checks arguments by their schema.
 * Owns the contract; which tool fits a prompt is choose-tool.ts, and how a call is fenced against repetition is the
 * tools role's business.
 */
import { Ajv, type JSONSchemaType, type ValidateFunction } from 'ajv';
import type { ErrorInfo, Part } from '../../../../schemas/events/generated.ts';

/**
 * What a repeated call does. `pure`: nothing outside changes. `keyed`: the other side knows the idempotency key and
 * acts once. `once`: every call acts, so after a crash in the middle nobody knows whether it did.
 */
export type Fence = 'pure' | 'keyed' | 'once';

export type ToolArguments = Record<string, unknown>;

export interface ToolContext {
  /** Aborting ends the call soon; run() then rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** The same for every attempt at the same call. */
  readonly idempotencyKey: string;
  readonly heartbeat: (note: string) => void;
  /** Told how many are before it while it waits for its turn, and null when that has come: its time stands still. */
  readonly waits?: (ahead: number | null) => void;
  /** Whose turn the call is counted as where it waits. */
  readonly flow?: string;
}

export interface ToolMatch {
  readonly arguments: ToolArguments;
  /** How surely the prompt means this tool, 0 to 1. */
  readonly score: number;
}

export interface ToolCaps {
  /** Time one call may take from when it has a free place, milliseconds. */
  readonly timeoutMs: number;
  /** Calls at once. */
  readonly concurrencyMax: number;
  /** Calls that may wait for a free place. */
  readonly queueMax: number;
}

export interface ToolAnswer {
  readonly text: string;
  /** Pictures, files, links and data, besides the text. */
  readonly attachments: readonly Part[];
}

export interface Tool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly inputSchema: object;
  readonly fence: Fence;
  /** Caps of its own; those of guard.ts where absent. */
  readonly caps?: Partial<ToolCaps>;
  /** The service behind it, such as `mcp:files`, which has a breaker of its own; absent for a built-in tool. */
  readonly service?: string;
  /** Reads a call out of a prompt in plain words; null when the prompt is not about this tool. */
  match?(prompt: string): ToolMatch | null | Promise<ToolMatch | null>;
  /** @throws ToolError `tool_bad_arguments` that names what is wrong */
  checkArguments(args: unknown): Promise<void>;
  /** The answer, a text alone or with more. Rejects with a ToolError or the signal's reason. */
  run(args: unknown, context: ToolContext): Promise<string | ToolAnswer>;
}

export type ToolErrorCode =
  /** The request means no tool, as far as its words tell. */
  | 'no_tool'
  /** The request names a tool that is not there. */
  | 'tool_unknown'
  | 'tool_bad_arguments'
  | 'tool_failed'
  | 'tool_host_not_allowed'
  | 'tool_redirect_refused'
  | 'tool_http_status'
  | 'tool_unreachable'
  | 'tool_timeout'
  /** The connection ended before the answer; the call may be repeated. */
  | 'tool_cut_off'
  | 'tool_answer_too_large'
  | 'tool_not_configured'
  /** The policy of tools keeps it from this caller. */
  | 'tool_not_allowed'
  | 'tool_path_refused'
  | 'tool_not_found'
  /** More calls of this tool wait than may; nothing was done. */
  | 'tool_overloaded'
  /** The MCP server is not there; nothing was sent. */
  | 'mcp_unavailable'
  /** The call may or may not have acted; only for tools fenced `once`. */
  | 'tool_outcome_unknown';

export class ToolError extends Error {
  readonly code: ToolErrorCode;
  readonly retryable: boolean;

  constructor(code: ToolErrorCode, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'ToolError';
    this.code = code;
    this.retryable = options.retryable ?? false;
  }

  /** The error as an event carries it. */
  toErrorInfo(): ErrorInfo {
    return { code: this.code, message: this.message, retryable: this.retryable };
  }
}

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });

export interface ToolDefinition<Args> {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: JSONSchemaType<Args>;
  readonly fence: Fence;
  readonly caps?: Partial<ToolCaps>;
  match?(prompt: string): { arguments: Args & ToolArguments; score: number } | null;
  run(args: Args, context: ToolContext): Promise<string> | string;
}

/** A tool whose arguments are checked before it runs. */
export function defineTool<Args>(definition: ToolDefinition<Args>): Tool {
  const { name, description, inputSchema, fence, match, caps } = definition;
  let validator: ValidateFunction<Args> | null = null;
  const checked = (args: unknown): Args => {
    validator ??= ajv.compile(inputSchema);
    const isValid = validator;
    if (isValid(args)) return args;
    const problems = ajv.errorsText(isValid.errors, { dataVar: 'arguments', separator: '; ' });
    throw new ToolError('tool_bad_arguments', `The tool ${name} cannot be called like this: ${problems}.`);
  };
  return {
    name,
    description,
    inputSchema,
    fence,
    ...(caps === undefined ? {} : { caps }),
    ...(match === undefined ? {} : { match: (prompt: string) => match(prompt) }),
    async checkArguments(args) {
      checked(args);
    },
    async run(args, context) {
      const valid = checked(args);
      context.signal.throwIfAborted();
      return definition.run(valid, context);
    },
  };
}
