/**
 * Checks the data formats: JSON (RFC 8259, no comments, no trailing commas), YAML 1.2 and TOML 1.0.
 * Owns the rules `json-syntax`, `yaml-syntax`, `yaml-warning` and `toml-syntax`; what a document means is not looked at.
 */
import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser';
import { parse as parseToml, TomlError } from 'smol-toml';
import { LineCounter, parseAllDocuments } from 'yaml';
import type { Finding } from '../schemas/events/generated.ts';
import { lineAt } from './typescript-check.ts';

export const JSON_CHECKER = 'json';
export const YAML_CHECKER = 'yaml';
export const TOML_CHECKER = 'toml';
/** After its first error a parser guesses; more than a few of its guesses only hide the cause. */
const ERRORS_MAX = 3;

/** JSON.parse decides whether the text is JSON; the tolerant parser says where it stops being it. */
export function jsonFindings(text: string): Finding[] {
  const message = jsonError(text);
  if (message === null) return [];
  const errors: ParseError[] = [];
  parse(text, errors, { disallowComments: true, allowTrailingComma: false });
  if (errors.length === 0) return [{ severity: 'error', line: 0, rule: 'json-syntax', message }];
  return errors.slice(0, ERRORS_MAX).map((error) => ({
    severity: 'error',
    line: lineAt(text, error.offset),
    rule: 'json-syntax',
    message: `${inWords(printParseErrorCode(error.error))} near ${JSON.stringify(excerpt(text, error.offset))}.`,
  }));
}

function jsonError(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    if (error instanceof SyntaxError) return error.message;
    throw error;
  }
}

function inWords(code: string): string {
  const words = code.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function excerpt(text: string, offset: number): string {
  return text.slice(offset, offset + 20).split('\n')[0] ?? '';
}

/** Syntax, and what is defined twice. */
export function tomlFindings(text: string): Finding[] {
  try {
    parseToml(text, { integersAsBigInt: true });
    return [];
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const message = error.message.split('\n', 1)[0] ?? 'This is no TOML.';
    return [{ severity: 'error', line: error.line, rule: 'toml-syntax', message }];
  }
}

export function yamlFindings(text: string): Finding[] {
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter, prettyErrors: false });
  return documents.flatMap((document) => [
    ...document.errors.map(
      (error): Finding => ({
        severity: 'error',
        line: lineCounter.linePos(error.pos[0]).line,
        rule: 'yaml-syntax',
        message: error.message,
      }),
    ),
    ...document.warnings.map(
      (warning): Finding => ({
        severity: 'warning',
        line: lineCounter.linePos(warning.pos[0]).line,
        rule: 'yaml-warning',
        message: warning.message,
      }),
    ),
  ]);
}
