/**
 * Small tools on text: hash, base64, uuid. Owns their reading of prompts; the work is the platform's.
 */
import { createHash } from 'node:crypto';
import { v4, v7 } from 'uuid';
import { defineTool, type Tool, ToolError } from './port.ts';

const ALGORITHMS = ['sha256', 'sha512', 'sha384', 'sha1', 'md5'] as const;
type Algorithm = (typeof ALGORITHMS)[number];
const TEXT_CHARS_MAX = 100_000;
/** A longer prompt is not one short wish in plain words; `tool:` takes longer texts. */
const PROMPT_CHARS_MAX = 4000;

/** The text behind "of" or a colon, without quotes around it. */
function quoted(text: string): string {
  const trimmed = text.trim();
  return /^(["'`])([\s\S]*)\1[?.!]?$/.exec(trimmed)?.[2] ?? trimmed;
}

export function hashTool(): Tool {
  return defineTool<{ algorithm: Algorithm; text: string }>({
    name: 'hash',
    description: 'The hash of a text (UTF-8) in hexadecimal: sha256, sha384, sha512, sha1 or md5.',
    inputSchema: {
      type: 'object',
      properties: {
        algorithm: { type: 'string', enum: ALGORITHMS },
        text: { type: 'string', maxLength: TEXT_CHARS_MAX },
      },
      required: ['algorithm', 'text'],
      additionalProperties: false,
    },
    fence: 'pure',
    match(prompt) {
      if (prompt.length > PROMPT_CHARS_MAX) return null;
      const found =
        /^(?:what(?:'s| is) |compute |calculate |give me )?(?:the )?(sha-?(?:1|256|384|512)|md5)(?: hash| checksum| digest)? (?:of|for|:)\s*(?:the (?:text|string|word) )?([\s\S]+)$/i.exec(
          prompt.trim(),
        );
      const name = found?.[1]?.toLowerCase().replace('-', '');
      const algorithm = ALGORITHMS.find((candidate) => candidate === name);
      if (algorithm === undefined || found?.[2] === undefined) return null;
      return { arguments: { algorithm, text: quoted(found[2]) }, score: 0.95 };
    },
    run: ({ algorithm, text }) => createHash(algorithm).update(text, 'utf8').digest('hex'),
  });
}

export function base64Tool(): Tool {
  return defineTool<{ action: 'encode' | 'decode'; text: string }>({
    name: 'base64',
    description: 'Encodes a text (UTF-8) in base64, or decodes base64 into text.',
    inputSchema: {
      type: 'object',
      properties: {
        action: { type: 'string', enum: ['encode', 'decode'] },
        text: { type: 'string', maxLength: TEXT_CHARS_MAX },
      },
      required: ['action', 'text'],
      additionalProperties: false,
    },
    fence: 'pure',
    match(prompt) {
      if (prompt.length > PROMPT_CHARS_MAX) return null;
      const found =
        /^(?:please )?(?:base64[- ]?(encode|decode)|(encode|decode)(?: (?:this|the))?(?: (?:as|in|to|from))? base64)\s*:?\s+(?:the (?:text|string) )?([\s\S]+)$/i.exec(
          prompt.trim(),
        ) ?? /^(?:please )?(encode|decode)()\s+([\s\S]+?)\s+(?:as|in|to|into|from) base64$/i.exec(prompt.trim());
      const verb = (found?.[1] || found?.[2])?.toLowerCase();
      if (found?.[3] === undefined || (verb !== 'encode' && verb !== 'decode')) return null;
      return { arguments: { action: verb, text: quoted(found[3]) }, score: 0.95 };
    },
    run({ action, text }) {
      if (action === 'encode') return Buffer.from(text, 'utf8').toString('base64');
      return decoded(text);
    },
  });
}

function decoded(text: string): string {
  const compact = text.replace(/\s+/g, '').replaceAll('-', '+').replaceAll('_', '/');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(compact) || compact.replace(/=+$/, '').length % 4 === 1) {
    throw new ToolError('tool_bad_arguments', 'The text is not base64.');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(compact, 'base64'));
  } catch (cause) {
    throw new ToolError('tool_bad_arguments', 'The base64 holds bytes that are not UTF-8 text.', { cause });
  }
}

export function uuidTool(): Tool {
  return defineTool<{ version?: number }>({
    name: 'uuid',
    description: 'Makes a UUID: version 4 (random, the default) or 7 (ordered by time).',
    inputSchema: {
      type: 'object',
      properties: { version: { type: 'integer', enum: [4, 7], nullable: true } },
      additionalProperties: false,
    },
    fence: 'pure',
    match(prompt) {
      if (prompt.length > PROMPT_CHARS_MAX) return null;
      const found =
        /^(?:please )?(?:generate|make|create|give me|i need|new)(?: me)?(?: an?| one)?(?: new)?(?: random)? (?:uuid|guid)(?: ?(?:v|version )?([47]))?[.!?]?$/i.exec(
          prompt.trim(),
        );
      if (found === null) return null;
      return { arguments: found[1] === undefined ? {} : { version: Number(found[1]) }, score: 0.95 };
    },
    run: ({ version }) => (version === 7 ? v7() : v4()),
  });
}
