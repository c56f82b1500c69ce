/**
 * The tool that a model chose, from the API's tool calls or from text. Owns: the usual forms of both. Does not own:
 * whether the arguments fit; the tool checks that by its schema.
 *
 * Only a tool that was offered is ever chosen; what names none of them is no choice. Of a reply that was cut only what is
 * whole is: half of an argument is another argument.
 */
import type { ToolCall, ToolOffer } from '../schemas/events/generated.ts';
import { EngineError } from './engine-error.ts';
import { isRecord, jsonObjectsIn, parsed } from './json-reply.ts';
import { type WrittenCall, writtenCalls } from './tool-forms.ts';

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

interface How {
  /** The reply ended before its end. */
  readonly cut?: boolean;
}

/** The chosen tool with its arguments; null when none fits. @throws EngineError `engine_no_answer` */
export function parseToolChoice(text: string, tools: readonly ToolOffer[], how: How = {}): ToolCall | null {
  let saidNone = /^\W*(?:none|no tool(?: fits| is needed)?)\W*$/i.test(text);
  const written = writtenCalls(text).map((call) => withTypes(call, tools));
  const objects = jsonObjectsIn(text, { closed: how.cut === true }).map(
    (value) => callIn(value) ?? keyedCall(value, tools),
  );
  for (const call of [...written, ...objects]) {
    if (call === null) continue;
    if (NONE.has(call.name.toLowerCase())) saidNone = true;
    const choice = chosen(call, tools, how);
    if (choice !== null) return choice;
  }
  if (saidNone) return null;
  throw noChoice(text, how);
}

/** The first call that names an offered tool. @throws EngineError `engine_no_answer` when none does */
export function fromToolCalls(calls: readonly WireToolCall[], tools: readonly ToolOffer[], how: How = {}): ToolCall {
  for (const call of calls) {
    const choice = chosen(call, tools, how);
    if (choice !== null) return choice;
  }
  throw noChoice(calls.map(({ name }) => name).join(', '), how);
}

function noChoice(text: string, { cut = false }: How): EngineError {
  const said = text.trim().slice(0, 200);
  const message = cut
    ? `The model's choice of a tool was cut, so it is none: ${said}. Raise LLM_MAX_TOKENS.`
    : `The model chose no tool that was offered: ${said}`;
  return new EngineError('engine_no_answer', message, { retryable: false });
}

/** Names as an API takes them: letters, digits, _ and -, at most 64. */
export function wireName(name: string): string {
  return name.replace(/[^\w-]/g, '_').slice(0, 64);
}

function offered(name: string, tools: readonly ToolOffer[]): ToolOffer | undefined {
  const said = name
    .trim()
    .replace(/^(?:functions?|tools?|default_api)[.:]/, '')
    .replace(/:\d+$|\(\)$/g, '');
  return tools.find((one) => one.name === said) ?? only(tools.filter((one) => bare(one.name) === bare(said)));
}

/** `searchFiles`, `search-files` and `search_files` are one name. */
function bare(name: string): string {
  return name
    .replace(/[^A-Za-z0-9]/g, '')
    .slice(0, 64)
    .toLowerCase();
}

/** What a model says instead of arguments where a tool takes none. */
const NO_ARGUMENTS = /^\s*(?:none|null|nil|n\/a|\[\s*\])?\s*$/i;

function chosen({ name, arguments: given }: WireToolCall, tools: readonly ToolOffer[], how: How): ToolCall | null {
  const tool = offered(name, tools);
  if (tool === undefined) return null;
  // The API's own form has the arguments as the JSON of an object.
  const whole = unwrapped(given);
  if (how.cut === true && !isRecord(whole)) return null;
  const value = typeof given === 'string' && !isRecord(whole) ? jsonObjectsIn(given)[0] : whole;
  if (isRecord(value)) return { name: tool.name, arguments: value, result: '' };
  // Words that are no arguments must not become a call without any.
  const isWithout = typeof given !== 'string' || NO_ARGUMENTS.test(given);
  return isWithout ? { name: tool.name, arguments: {}, result: '' } : null;
}

/** The value of JSON, of JSON in JSON, and the one object of a list. */
function unwrapped(given: unknown): unknown {
  const once = typeof given === 'string' ? parsed(given) : given;
  const value = typeof once === 'string' ? parsed(once) : once;
  return Array.isArray(value) ? only(value) : value;
}

function only<T>(list: readonly T[]): T | undefined {
  return list.length === 1 ? list[0] : undefined;
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
  return { name: typeof name === 'string' ? name : '', arguments: key === undefined ? besides(value) : value[key] };
}

/** `{"tool": "clock", "zone": "UTC"}`: what is said beside the name, but for what a model says about itself. */
function besides(value: Record<string, unknown>): Record<string, unknown> {
  const isAbout = (key: string): boolean =>
    NAMES.some((name) => name === key) ||
    /^(?:id|type|thoughts?|reason(?:ing)?|explanation|description|(?:input_?)?schema|role|index)$/i.test(key);
  return Object.fromEntries(Object.entries(value).filter(([key]) => !isAbout(key)));
}

/** `{"clock": {"zone": "UTC"}}`: one key, which is the name of an offered tool. */
function keyedCall(value: Record<string, unknown>, tools: readonly ToolOffer[]): WireToolCall | null {
  const [[name, given] = [], ...more] = Object.entries(value);
  if (name === undefined || more.length > 0 || !isRecord(given)) return null;
  return offered(name, tools) === undefined ? null : { name, arguments: given };
}

/** Texts of XML as the tool's schema has them: `3` is a number where one is wanted. */
function withTypes({ name, arguments: given, isText }: WrittenCall, tools: readonly ToolOffer[]): WireToolCall {
  if (isText === undefined || typeof given === 'string') return { name, arguments: given };
  const properties = offered(name, tools)?.inputSchema.properties;
  const typed = Object.entries(given).map(([key, value]) => {
    const schema = isRecord(properties) ? properties[key] : undefined;
    const type = isRecord(schema) ? schema.type : undefined;
    const read =
      typeof value === 'string' && type !== undefined && type !== 'string' ? parsed(value.trim()) : undefined;
    return [key, read ?? value] as const;
  });
  return { name, arguments: Object.fromEntries(typed) };
}
