/**
 * Tools of MCP servers as tools of the mesh. Owns: their names (`server.tool`), what their hints mean for repetition,
 * and what a failure of theirs means for it. Does not own: the servers (mcp/).
 *
 * Hints are what a server says of itself. `readOnlyHint` makes a tool `pure`, `idempotentHint` makes it `keyed`, and a
 * tool that says nothing may not be repeated.
 */
import { type McpCall, McpError, type McpServers, type McpTool } from '../../../mcp/client/port.ts';
import { type Fence, type Tool, type ToolArguments, ToolError } from './builtin/port.ts';
import { matchByName } from './match-by-name.ts';
import { problemIn, type SchemaCheckOptions } from './schema-lane.ts';

const QUEUE_MAX = 128;

function fenceOf(tool: McpTool): Fence {
  if (tool.readOnly) return 'pure';
  return tool.idempotent ? 'keyed' : 'once';
}

function isArguments(value: unknown): value is ToolArguments {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The tools as they are now; a list is kept while its servers say the same. */
export function createMcpTools(servers: McpServers): () => readonly Tool[] {
  const known = new WeakMap<McpTool, Tool>();
  return () =>
    servers.tools().map((tool) => {
      const made = known.get(tool) ?? mcpTool(servers, tool);
      known.set(tool, made);
      return made;
    });
}

function mcpTool(servers: McpServers, tool: McpTool): Tool {
  const name = `${tool.server}.${tool.name}`;
  const fence = fenceOf(tool);
  const argumentsProblem = (args: unknown, options?: SchemaCheckOptions): Promise<string | null> =>
    problemIn({ schema: tool.inputSchema, value: args, name: 'arguments' }, options);
  const checked = async (args: unknown, options?: SchemaCheckOptions): Promise<ToolArguments> => {
    if (!isArguments(args)) throw badArguments(name, 'its arguments are one JSON object');
    const problem = await argumentsProblem(args, options);
    if (problem !== null) throw badArguments(name, problem);
    return args;
  };
  const limits = servers.limits(tool.server);
  return {
    name,
    description: tool.description,
    inputSchema: tool.inputSchema,
    fence,
    service: `mcp:${tool.server}`,
    // The server's own limit comes first: its error says more.
    caps: { timeoutMs: limits.timeoutMs + 2000, concurrencyMax: limits.concurrencyMax, queueMax: QUEUE_MAX },
    match: (prompt) =>
      matchByName(prompt, {
        ...{ name, schema: tool.inputSchema },
        accepts: async (args) => (await argumentsProblem(args)) === null,
      }),
    async checkArguments(args) {
      await checked(args);
    },
    async run(args, { signal, idempotencyKey, flow, heartbeat }) {
      const call: McpCall = { signal, idempotencyKey, onProgress: heartbeat };
      const own = { signal, flow, task: idempotencyKey };
      const valid = await checked(args, own);
      const answer = await servers.call(tool, valid, call).catch((error: unknown) => {
        throw error instanceof McpError ? toolErrorOf(error, name, fence) : error;
      });
      const problem =
        tool.outputSchema === undefined || answer.structured === undefined
          ? null
          : await problemIn({ schema: tool.outputSchema, value: answer.structured, name: 'answer' }, own);
      if (problem !== null) throw new ToolError('tool_failed', `its answer is not what its schema says: ${problem}`);
      return answer;
    },
  };
}

function badArguments(name: string, why: string): ToolError {
  return new ToolError('tool_bad_arguments', `The tool ${name} cannot be called like this: ${why}.`);
}

function toolErrorOf(error: McpError, name: string, fence: Fence): ToolError {
  const { code, message } = error;
  const unknown = (): ToolError =>
    new ToolError('tool_outcome_unknown', `${message}. Whether it took effect is not known.`, { cause: error });
  switch (code) {
    case 'unavailable':
      return new ToolError('mcp_unavailable', message, { retryable: true, cause: error });
    case 'cut_off':
      return fence === 'once' ? unknown() : new ToolError('tool_cut_off', message, { retryable: true, cause: error });
    case 'too_large':
      return fence === 'once'
        ? unknown()
        : new ToolError('tool_answer_too_large', `${message}: ask it for less`, { cause: error });
    case 'timeout':
      return fence === 'once' ? unknown() : new ToolError('tool_timeout', message, { retryable: true, cause: error });
    case 'bad_arguments':
      return new ToolError('tool_bad_arguments', `The tool ${name} cannot be called like this: ${message}`, {
        cause: error,
      });
    case 'failed':
      return new ToolError('tool_failed', message, { cause: error });
    default:
      throw new Error(`unknown code ${JSON.stringify(code satisfies never)}`);
  }
}
