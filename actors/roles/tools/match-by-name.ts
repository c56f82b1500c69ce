/**
 * Reads a call of a tool out of plain words when the prompt names it: `use files.search_text for "outbox"`. Owns: when a
 * name counts as meant, and filling arguments by the schema. Pure. A tool that is only described is not guessed at: that
 * is a model's work.
 */
import type { ToolArguments, ToolMatch } from './builtin/port.ts';

const PROMPT_CHARS_MAX = 2000;

export interface NamedTool {
  /** `server.tool` */
  readonly name: string;
  readonly schema: object;
  /** Whether the schema takes these arguments. */
  readonly accepts: (args: ToolArguments) => Promise<boolean>;
}

interface Property {
  readonly name: string;
  readonly type: string;
}

export async function matchByName(prompt: string, tool: NamedTool): Promise<ToolMatch | null> {
  if (prompt.length > PROMPT_CHARS_MAX) return null;
  const named = restAfterName(prompt.trim(), tool.name);
  if (named === null) return null;
  for (const args of readings(named.rest, tool.schema)) {
    if (await tool.accepts(args)) return { arguments: args, score: named.score };
  }
  return null;
}

/** What stands behind the tool's name; null when the prompt does not clearly mean it. */
function restAfterName(prompt: string, fullName: string): { rest: string; score: number } | null {
  const short = fullName.slice(fullName.indexOf('.') + 1);
  const loose = (name: string): string =>
    name
      .split(/[-_./\s]+/)
      .map((word) => literal(word))
      .join('[-_./ ]');
  const verb = '(?:please )?(?:use|call|run|invoke|ask)(?: the)?(?: tool)?';
  const whole = new RegExp(
    String.raw`^(?:${verb} )?["'\`]?${literal(fullName)}["'\`]?(?: tool)?(?=$|[\s:(,])([\s\S]*)$`,
    'i',
  ).exec(prompt);
  if (whole) return { rest: whole[1] ?? '', score: 0.97 };
  const spoken = new RegExp(
    String.raw`^${verb} ["'\`]?${loose(short)}["'\`]?(?: tool)?(?=$|[\s:(,])([\s\S]*)$`,
    'i',
  ).exec(prompt);
  return spoken ? { rest: spoken[1] ?? '', score: 0.85 } : null;
}

function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** Ways to fill the arguments from the rest of a prompt, the surest first. */
function* readings(rest: string, schema: object): Generator<ToolArguments> {
  const json = jsonIn(rest);
  if (json !== null) {
    yield json;
    return;
  }
  const { properties, required } = shapeOf(schema);
  const text = rest.replace(/^[\s:,]*(?:to |with |on |for |of |about )?/i, '').replace(/[\s?]+$/, '');
  if (text === '') {
    yield {};
    return;
  }
  const [only] = required;
  if (required.length === 1 && only?.type === 'string') yield { [only.name]: quoted(text) };
  if (required.length === 0 && properties.length === 1 && properties[0]?.type === 'string')
    yield { [properties[0].name]: quoted(text) };
  const numbers = text.match(/-?\d+(?:\.\d+)?/g)?.map(Number) ?? [];
  const areNumbers = required.every(({ type }) => type === 'number' || type === 'integer');
  if (required.length > 0 && areNumbers && numbers.length === required.length)
    yield Object.fromEntries(required.map(({ name }, i) => [name, numbers[i]]));
}

function jsonIn(text: string): ToolArguments | null {
  const found = /\{[\s\S]*\}/.exec(text)?.[0];
  if (found === undefined) return null;
  try {
    const value: unknown = JSON.parse(found);
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function quoted(text: string): string {
  return /^(["'`])([\s\S]*)\1[.!]?$/.exec(text)?.[2] ?? text;
}

function shapeOf(schema: object): { properties: Property[]; required: Property[] } {
  const listed = 'properties' in schema && typeof schema.properties === 'object' ? (schema.properties ?? {}) : {};
  const properties = Object.entries(listed).map(([name, value]: [string, unknown]) => ({ name, type: typeOf(value) }));
  const needed = 'required' in schema && Array.isArray(schema.required) ? schema.required : [];
  return { properties, required: properties.filter(({ name }) => needed.includes(name)) };
}

function typeOf(value: unknown): string {
  return typeof value === 'object' && value !== null && 'type' in value ? String(value.type) : '';
}
