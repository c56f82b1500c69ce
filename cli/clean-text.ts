/**
 * Text from outside as a terminal may have it: names of files, headings, words of a model, subjects, refused bytes.
 * Owns: what is taken out, and what is shown in its place. Does not own: when; everything that is printed passes through
 * `terminal.ts`, which cleans it there, whoever called.
 *
 * 1. What comes out has no control character but the line break and the tab, in one line not even those.
 * 2. A mark that turns text round, or that nobody sees, is shown by its number, and so is a control character of C1: what
 *    stands behind it is shown too. What is read is what is stored, in its order, and whoever looks sees that something tried
 *    otherwise. Only sequences that begin with ESC are taken out, as programs write them for colours; where something is
 *    decided by what is read, not even those (`wholeText`).
 * 3. The time is linear in the length of the text. (Node's own `stripVTControlCharacters` takes seconds for 40 KB of
 *    sequences without an end, and leaves DCS and APC.)
 */
import { UNSEEN } from '../schemas/unseen.ts';

const ESC = String.fromCharCode(0x1b);
const BEL = String.fromCharCode(0x07);
/** The end of a string, in its one-character form. */
const END = String.fromCharCode(0x9c);

/** ECMA-48: control sequences, control strings that have an end, and the escapes of two characters. */
const SEQUENCE = new RegExp(
  [`${ESC}\\[[0-?]*[ -/]*[@-~]`, `${ESC}[P\\]X^_][^\\p{Cc}]*(?:${BEL}|${ESC}\\\\|${END})`, `${ESC}[ -/]*[0-~]`].join(
    '|',
  ),
  'gu',
);

/** Without escape sequences; other characters stay. */
export function withoutSequences(text: string): string {
  return text.replace(SEQUENCE, '');
}

function unseenShown(text: string): string {
  return text.replace(UNSEEN, numberOf);
}

/** No program writes these for a person, and what follows one may be text that somebody would rather not have read. */
function c1Shown(text: string): string {
  return text.replace(/[\u0080-\u009f]/g, numberOf);
}

function numberOf(one: string): string {
  return `<U+${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`;
}

/** All that is there, control characters by their numbers: for what a person decides by, such as the arguments of a tool. */
export function wholeText(text: string): string {
  return unseenShown(text.replace(/\r\n/g, '\n').replace(/[^\P{Cc}\n\t]|[\u2028\u2029]/gu, numberOf));
}

/** Lines and tabs stay, other control characters are gone. */
export function safeText(text: string): string {
  return unseenShown(
    c1Shown(withoutSequences(text))
      .replace(/[\u2028\u2029]/g, '\n')
      .replace(/[^\P{Cc}\n\t]/gu, ''),
  );
}

/** One line of at most `max` characters; control characters and line breaks become spaces. */
export function oneLine(text: string, max: number): string {
  const flat = unseenShown(
    c1Shown(withoutSequences(text))
      .replace(/[\s\p{Cc}]+/gu, ' ')
      .trim(),
  );
  const letters = [...flat];
  return letters.length <= max ? flat : `${letters.slice(0, Math.max(0, max - 1)).join('')}…`;
}

/** What stands for a line break where there is one line. */
const BREAK = '⏎';

/** A line as it is printed: spaces and tabs stay, a line break is shown, and nothing else that a terminal obeys is left. */
export function cleanLine(text: string): string {
  return safeText(text).replaceAll('\n', BREAK);
}
