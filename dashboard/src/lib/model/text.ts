/**
 * Text of anybody, made safe to look at. Owns: what is shown in place of characters that would lie about a text. Does not
 * own: HTML, which Svelte escapes.
 *
 * Invariants:
 * 1. Nothing in the result turns the direction of what follows, moves a cursor, or is invisible; it stands there by name.
 * 2. Never longer than `max` characters and the note that says how much is missing.
 */

import { UNSEEN } from '../../../../schemas/unseen.ts';

/** Terminal sequences (CSI, OSC, single), as a program's output has them: colours say nothing here. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const ANSI = /\u001B(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)?|[@-Z\\^_])/g;
/** Controls but tab and newline, and line separators. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const CONTROLS = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u2028\u2029]/g;

const SHOWN_MAX = 20_000;

export function plain(text: string, max: number = SHOWN_MAX): string {
  const cut = text.length > max ? text.slice(0, max) : text;
  const shown = cut.replaceAll('\r\n', '\n').replaceAll(ANSI, '').replaceAll(CONTROLS, named).replaceAll(UNSEEN, named);
  const missing = text.length - cut.length;
  return missing === 0 ? shown : `${shown}… (${missing.toLocaleString('en')} more characters)`;
}

/** All that is there, sequences among it: for what a person decides by, such as the arguments of a tool. */
export function whole(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll(CONTROLS, named).replaceAll(UNSEEN, named);
}

/** On one line, for lists and labels. */
export function line(text: string, max = 240): string {
  return plain(text.length > 4 * max ? text.slice(0, 4 * max) : text)
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, max);
}

/** The line by which a text of several is known: the first one in words, not the fence of a code block. */
export function headline(text: string, max = 240): string {
  const begin = text.slice(0, 20 * max).split('\n');
  return line(begin.find((one) => /[\p{L}\p{N}]/u.test(one) && !one.trimStart().startsWith('```')) ?? text, max);
}

function named(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return `‹U+${code.toString(16).toUpperCase().padStart(4, '0')}›`;
}

/** Any value as people read JSON. */
export function json(value: unknown, max: number = SHOWN_MAX): string {
  return plain(JSON.stringify(value, null, 2) ?? 'undefined', max);
}
