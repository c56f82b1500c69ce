/**
 * Syntax of languages that have no checker of their own here, by tree-sitter grammars and SQL parsers. Owns: which
 * grammar reads which language, and what of its tree is an error. Does not own: the process it runs in
 * (syntax-process.ts); types and names are not looked at.
 *
 * A grammar that is older than its language knows too little: where it only fails to read a place, that is a warning;
 * where it says that something is missing, an error.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type * as TreeSitter from '@vscode/tree-sitter-wasm';
import Database from 'better-sqlite3';
import { loadModule, parseSync } from 'libpg-query';
import type { Finding } from '../schemas/events/generated.ts';
import type { CheckReply } from './check-worker.ts';
import { unusedImports } from './go-imports.ts';
import { GRAMMARS, type Grammar } from './syntax-languages.ts';

const require = createRequire(import.meta.url);
// CommonJS that hides its names from an import.
const { Language, Parser } = require('@vscode/tree-sitter-wasm') as typeof TreeSitter;

/** After its first error a parser guesses; more than a few of its guesses only hide the cause. */
const ERRORS_MAX = 3;
const EXCERPT_CHARS = 60;

export async function checkSyntax(language: string, text: string): Promise<CheckReply> {
  if (language === 'sql') return checkSql(text);
  const grammar = GRAMMARS[language];
  if (grammar === undefined) return { findings: [], checkedBy: [] };
  await Parser.init();
  const parser = new Parser();
  parser.setLanguage(await languageOf(grammar));
  const tree = parser.parse(asProgram(language, text));
  // Both lie in the memory of the grammars, which nothing collects.
  try {
    if (tree === null) throw new Error(`the grammar of ${language} read nothing`);
    const findings = brokenIn(tree.rootNode)
      .slice(0, ERRORS_MAX)
      .map((node) => findingOf(node, grammar));
    if (findings.length > 0 && findings.every(({ severity }) => severity === 'warning') && isLeftOpen(language, text))
      findings.push(leftOpen(text));
    if (findings.length === 0 && language === 'go') findings.push(...unusedImports(text));
    return { findings, checkedBy: [`tree-sitter-${grammar.name} (syntax)`] };
  } finally {
    tree?.delete();
    parser.delete();
  }
}

const loaded = new Map<string, Promise<TreeSitter.Language>>();

/** Each is read once: what one takes up is never given back. */
function languageOf({ from, file }: Grammar): Promise<TreeSitter.Language> {
  const path = join(dirname(require.resolve(`${from}/package.json`)), file);
  const language = loaded.get(path) ?? Language.load(path);
  loaded.set(path, language);
  return language;
}

/** PHP without its opening tag would be a page of text, in which nothing is wrong. */
function asProgram(language: string, text: string): string {
  return language === 'php' && !text.includes('<?') ? `<?php ${text}` : text;
}

/** Comments and strings of the languages whose grammars are dated. */
const NO_BRACKETS: Readonly<Record<string, RegExp>> = {
  css: /\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|url\([^)"']*\)/g,
  scala: /"""[\s\S]*?"""|\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])'/g,
  powershell:
    /<#[\s\S]*?#>|#[^\n]*|@"[^\n]*\n[\s\S]*?\n"@|@'[^\n]*\n[\s\S]*?\n'@|`.|"(?:`.|""|[^"`])*"|'(?:''|[^'])*'/g,
};

/** Whatever a grammar cannot read: what opens more than it closes was cut. */
function isLeftOpen(language: string, text: string): boolean {
  const bare = text.replace(NO_BRACKETS[language] ?? /(?!)/, ' ');
  return bare.split(/[{([]/).length > bare.split(/[})\]]/).length;
}

function leftOpen(text: string): Finding {
  const line = text.trimEnd().split('\n').length;
  return { severity: 'error', line, rule: 'syntax', message: 'A bracket is opened and never closed.' };
}

/** The nodes that are errors, outermost first, in the order of the text. */
function brokenIn(node: TreeSitter.Node): TreeSitter.Node[] {
  if (node.isMissing) return [node];
  if (!node.hasError) return [];
  const inner = node.children.flatMap((child) => (child === null ? [] : brokenIn(child)));
  const missing = inner.filter((one) => one.isMissing);
  if (missing.length > 0) return missing;
  return node.isError || inner.length === 0 ? [node] : inner;
}

function findingOf(node: TreeSitter.Node, { dated }: Grammar): Finding {
  const line = node.startPosition.row + 1;
  // A blank that is missing is one that the grammar wants.
  if (node.isMissing && (dated !== true || node.type.trim() !== ''))
    return { severity: 'error', line, rule: 'syntax', message: `Something is missing here: ${node.type}` };
  const near = node.text.replace(/\s+/g, ' ').trim().slice(0, EXCERPT_CHARS);
  const message = `The syntax is wrong or not closed near “${near}”.`;
  return { severity: dated ? 'warning' : 'error', line, rule: 'syntax', message };
}

/** What only other servers than the two that are asked understand. */
const DIALECT =
  /\bAUTO_INCREMENT\b|\bENGINE\s*=|^\s*DELIMITER\b|\bSELECT\s+TOP\b|^\s*GO\s*$|\bDECLARE\s+@|\bNVARCHAR\s*\(\s*MAX|\bIDENTITY\s*\(|\bCREATE\s+OR\s+REPLACE\s+(?:PROCEDURE|PACKAGE)|\bVARCHAR2\b|\bPRINT\b|\bQUALIFY\b|\bSTRUCT\s*<|\bON\s+DUPLICATE\s+KEY\b|\bINSERT\s+IGNORE\b|\bUNSIGNED\b|\bSHOW\s+(?:TABLES|DATABASES|CREATE)\b|\bDBMS_\w+|\bSYSDATE\b|\bCONNECT\s+BY\b|\b(?:CROSS|OUTER)\s+APPLY\b|\bWITH\s*\(\s*NOLOCK|\bEXEC(?:UTE)?\s+sp_|\bBEGIN\s+TRY\b|^\s*\/\s*$/im;

/** Read by PostgreSQL's own parser and by SQLite's: wrong is what neither takes. */
async function checkSql(text: string): Promise<CheckReply> {
  const checkedBy = ['postgresql (syntax)', 'sqlite (syntax)'];
  await loadModule();
  const said = postgresError(text);
  if (said === null || sqliteError(text) === null) return { findings: [], checkedBy };
  const severity = DIALECT.test(text) ? 'warning' : 'error';
  const line = text.slice(0, said.at).split('\n').length;
  return {
    findings: [{ severity, line, rule: 'sql-syntax', message: `${said.message} (PostgreSQL); SQLite refuses it too.` }],
    checkedBy,
  };
}

function postgresError(text: string): { message: string; at: number } | null {
  try {
    parseSync(text);
    return null;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const details = 'sqlDetails' in error ? error.sqlDetails : undefined;
    const at =
      typeof details === 'object' && details !== null && 'cursorPosition' in details
        ? Number(details.cursorPosition)
        : 0;
    return { message: error.message, at };
  }
}

function sqliteError(text: string): string | null {
  const db = new Database(':memory:');
  try {
    for (const statement of statementsOf(text)) {
      try {
        db.prepare(statement);
      } catch (error) {
        // Tables and functions are elsewhere; only the grammar is asked.
        if (error instanceof Error && /syntax error|unrecognized token|incomplete input/i.test(error.message))
          return error.message;
      }
    }
    return null;
  } finally {
    db.close();
  }
}

/** Statements at their semicolons, those in quotes and in BEGIN … END left alone. */
function statementsOf(text: string): string[] {
  if (/\bBEGIN\b[\s\S]*\bEND\b/i.test(text)) return [text];
  const bare = text.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, ' ');
  const parts = bare.match(/(?:'(?:[^']|'')*'|"[^"]*"|[^;'"])+/g) ?? [];
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}
