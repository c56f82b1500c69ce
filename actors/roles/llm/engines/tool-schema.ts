/**
 * The form of a reply, for models that can be held to one. Owns: the JSON Schema of a tool's choice, and cutting any schema
 * down to what a grammar can express. Does not own: checking arguments; each tool does that by its whole schema.
 */
import type { GbnfJsonSchema } from 'node-llama-cpp';
import { isRecord } from '../../../../prompting/json-reply.ts';
import { NO_TOOL } from '../../../../prompting/tool-choice.ts';
import type { ToolOffer } from '../../../../schemas/events/generated.ts';

/** Deeper arguments than this are left to the model. */
const DEPTH_MAX = 6;
/** A grammar has to end somewhere: a small model would write for ever. */
const TEXT_CHARS_MAX = 2000;
const ITEMS_MAX = 32;

/** Name and arguments at once, for endpoints. */
export function toolChoiceSchema(tools: readonly ToolOffer[]): object {
  return {
    type: 'object',
    properties: { tool: toolNameSchema(tools).properties.tool, arguments: { type: 'object' } },
    required: ['tool', 'arguments'],
    additionalProperties: false,
  };
}

/** The name alone: the first half of a choice by grammar. */
export function toolNameSchema(tools: readonly ToolOffer[]) {
  return {
    type: 'object',
    properties: { tool: { enum: [...tools.map(({ name }) => name), NO_TOOL] } },
  } as const satisfies GbnfJsonSchema;
}

/** What of a schema a grammar can hold a model to. What is not understood becomes text. */
function grammarSchema(schema: unknown, depth = 0): GbnfJsonSchema {
  if (!isRecord(schema) || depth > DEPTH_MAX) return { type: 'string', maxLength: TEXT_CHARS_MAX };
  const text: GbnfJsonSchema = { type: 'string', maxLength: least(schema.maxLength, TEXT_CHARS_MAX) };
  const choices = schema.enum;
  if (Array.isArray(choices) && choices.length > 0 && choices.every(isPlain)) return { enum: choices };
  if (isPlain(schema.const)) return { const: schema.const };
  const type = Array.isArray(schema.type) ? schema.type.find((one) => one !== 'null') : schema.type;
  switch (type) {
    case 'number':
    case 'integer':
    case 'boolean':
    case 'null':
      return { type };
    case 'array':
      return { type, items: grammarSchema(schema.items, depth + 1), maxItems: least(schema.maxItems, ITEMS_MAX) };
    case 'object':
      return argumentsSchema(schema, depth);
    default:
      return text;
  }
}

/** An object by its schema, as far as a grammar can express that: the arguments of a tool, a reply in a form. */
export function argumentsSchema(form: object, depth = 0) {
  const schema: Record<string, unknown> = { ...form };
  const properties = isRecord(schema.properties) ? schema.properties : {};
  const needed: readonly unknown[] = Array.isArray(schema.required) ? schema.required : [];
  const names = Object.keys(properties);
  const forms = names.map((name): [string, GbnfJsonSchema] => [name, grammarSchema(properties[name], depth + 1)]);
  const required = names.filter((name) => needed.includes(name));
  return { type: 'object', properties: Object.fromEntries(forms), required } as const;
}

/** Its own limit, where that is the narrower one. */
function least(own: unknown, most: number): number {
  return typeof own === 'number' && own < most ? own : most;
}

function isPlain(value: unknown): value is string | number | boolean | null {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}
