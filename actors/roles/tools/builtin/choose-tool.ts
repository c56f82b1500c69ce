/**
 * Chooses the tool for a prompt. Deterministic: the same prompt and tools give the same call.
 * Owns the explicit form `tool:<name> {json}` and the order among matches; reading prompts is each tool's own business.
 */
import { type Tool, type ToolArguments, ToolError } from './port.ts';

export interface ChosenTool {
  readonly tool: Tool;
  readonly arguments: ToolArguments;
  /** How surely the prompt means the tool, 0 to 1; 1 when it names it. */
  readonly score: number;
}

/** Below, the tool would be a guess. */
const SCORE_MIN = 0.5;
/** Names in an error: more would hide what it says. */
const NAMES_MAX = 40;

/**
 * The best match, or null when no tool fits. A prompt that starts with `tool:` calls exactly the named tool; throws a
 * ToolError when that tool is unknown or its arguments are not what its schema asks.
 */
export async function chooseTool(tools: readonly Tool[], prompt: string): Promise<ChosenTool | null> {
  const explicit = /^\s*tool:\s*([\w./-]+)\s*([\s\S]*)$/i.exec(prompt);
  if (explicit !== null) return named(tools, explicit[1] ?? '', explicit[2] ?? '');
  let best: ChosenTool | null = null;
  for (const tool of tools) {
    const match = (await tool.match?.(prompt)) ?? null;
    if (match === null || match.score < SCORE_MIN) continue;
    // Of equal scores the tool that stands first wins.
    if (best === null || match.score > best.score) best = { tool, arguments: match.arguments, score: match.score };
  }
  return best;
}

async function named(tools: readonly Tool[], name: string, rest: string): Promise<ChosenTool> {
  const tool = tools.find((candidate) => candidate.name === name);
  if (tool === undefined) {
    throw new ToolError('tool_unknown', `There is no tool ${name}. ${namesOf(tools, name)}`);
  }
  const args = argumentsIn(name, rest.trim());
  await tool.checkArguments(args);
  return { tool, arguments: args, score: 1 };
}

/** Those that may have been meant: of the same server, when a server is named. */
export function namesOf(tools: readonly Tool[], near = ''): string {
  const server = near.includes('.') ? near.slice(0, near.indexOf('.') + 1) : null;
  const ofServer = tools.filter(({ name }) => server !== null && name.startsWith(server));
  const names = (ofServer.length > 0 ? ofServer : tools).map(({ name }) => name);
  const more = names.length - NAMES_MAX;
  return `There are: ${names.slice(0, NAMES_MAX).join(', ')}${more > 0 ? ` and ${more} more (\`mesh status\` lists them)` : ''}.`;
}

function argumentsIn(name: string, text: string): ToolArguments {
  if (text === '') return {};
  const value = parsed(name, text);
  if (isArguments(value)) return value;
  throw new ToolError('tool_bad_arguments', `The arguments of tool:${name} must be one JSON object.`);
}

function isArguments(value: unknown): value is ToolArguments {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parsed(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'it cannot be read';
    throw new ToolError('tool_bad_arguments', `The arguments of tool:${name} are not JSON: ${why}.`, { cause });
  }
}
