/**
 * The tool that a model chose, from the API's tool calls or from text. Owns: the usual forms of both. Does not own:
 * whether the arguments fit; the tool checks that by its schema.
 *
 * Only a tool that was offered is ever chosen; what names none of them is no choice.
 */
import type { ToolCall, ToolOffer } from '../schemas/events/generated.ts';
import { EngineError } from './engine-error.ts';
import { isRecord, jsonObjectsIn, parsed } from './json-reply.ts';

/** What a model says instead of a tool's name when no tool fits. */
export const NO_TOOL = 'none';

/** A call as an API tells it: arguments as an object or as its JSON. */
export interface WireToolCall {
  readonly name: string;
  readonly arguments: unknown;
}

const NAMES = ['tool', 'name', 'tool_name', 'toolName', 'function', 'function_name', 'action'] as const;
const ARGUMENTS = ['arguments', 'parameters', 'args', 'input', 'params', 'action_input', 'tool_input'] as const;
const NONE = new Set([NO_TOOL, 'null', 'no_tool', 'no tool', 'notool', '']);

/** The chosen tool with its arguments; null when none fits. @throws EngineError `engine_no_answer` */
export function parseToolChoice(text: string, tools: readonly ToolOffer[]): ToolCall | null {
  let saidNone = /^\W*(?:none|no tool(?: fits| is needed)?)\W*$/i.test(text);
  for (const value of candidatesIn(text)) {
    const call = callIn(value);
    if (call === null) continue;
    if (NONE.has(call.name.toLowerCase())) saidNone = true;
    const choice = chosen(call, tools);
    if (choice !== null) return choice;
  }
  if (saidNone) return null;
  throw noChoice(text);
}

/** The first call that names an offered tool. @throws EngineError `engine_no_answer` when none does */
export function fromToolCalls(calls: readonly WireToolCall[], tools: readonly ToolOffer[]): ToolCall {
  for (const call of calls) {
    const choice = chosen(call, tools);
    if (choice !== null) return choice;
  }
  throw noChoice(calls.map(({ name }) => name).join(', '));
}

function noChoice(text: string): EngineError {
  const message = `The model chose no tool that was offered: ${text.trim().slice(0, 200)}`;
  return new EngineError('engine_no_answer', message, { retryable: false });
}

/** Names as an API takes them: letters, digits, _ and -, at most 64. */
export function wireName(name: string): string {
  return name.replace(/[^\w-]/g, '_').slice(0, 64);
}

function chosen({ name, arguments: given }: WireToolCall, tools: readonly ToolOffer[]): ToolCall | null {
  const said = name
    .trim()
    .replace(/^functions?[.:]/, '')
    .replace(/:\d+$/, '');
  const tool =
    tools.find((offered) => offered.name === said) ??
    only(tools.filter((offered) => wireName(offered.name).toLowerCase() === wireName(said).toLowerCase()));
  if (tool === undefined) return null;
  // The API's own form has the arguments as the JSON of an object.
  const value = typeof given === 'string' ? (parsed(given) ?? jsonObjectsIn(given)[0]) : given;
  return { name: tool.name, arguments: isRecord(value) ? value : {}, result: '' };
}

function only<T>(list: readonly T[]): T | undefined {
  return list.length === 1 ? list[0] : undefined;
}

/** `<function=name>{…}</function>` and `[TOOL_CALLS]name{…}` have the name outside of the JSON. */
const FUNCTION = /<function=([\w.:-]+)>\s*(?=\{)/g;
const FUNCTION_END = '</function>';
const TOOL_CALLS = /\[TOOL_CALLS\]\s*([\w.:-]+)\s*(?:\[ARGS\]\s*)?(?=\{)/;

function candidatesIn(text: string): Record<string, unknown>[] {
  return [...functionsIn(text), ...toolCallsIn(text), ...jsonObjectsIn(text)];
}

function functionsIn(text: string): Record<string, unknown>[] {
  const found: Record<string, unknown>[] = [];
  for (const { 0: opening, 1: name, index } of text.matchAll(FUNCTION)) {
    const from = index + opening.length;
    const end = text.indexOf(FUNCTION_END, from);
    if (end === -1) break;
    found.push({ name, arguments: text.slice(from, end).trimEnd() });
  }
  return found;
}

/** What follows up to the last brace is one call. */
function toolCallsIn(text: string): Record<string, unknown>[] {
  const call = TOOL_CALLS.exec(text);
  if (call === null) return [];
  return [{ name: call[1], arguments: text.slice(call.index + call[0].length, text.lastIndexOf('}') + 1) }];
}

function callIn(value: Record<string, unknown>): WireToolCall | null {
  // {"function": {"name": …, "arguments": …}} and {"tool_calls": [{…}]}.
  if (Array.isArray(value.tool_calls)) {
    const inner = value.tool_calls.find(isRecord);
    return inner === undefined ? null : callIn(inner);
  }
  if (isRecord(value.function)) return callIn(value.function);
  const name = NAMES.map((key) => value[key]).find((one) => typeof one === 'string' || one === null);
  if (name === undefined) return null;
  const key = ARGUMENTS.find((one) => value[one] !== undefined);
  return { name: typeof name === 'string' ? name : '', arguments: key === undefined ? {} : value[key] };
}
