/**
 * Checks TypeScript, TSX and JavaScript with the compiler, and decides which of its diagnostics count.
 * Owns that policy: what one file alone cannot know (other modules, test globals, JSX libraries) is never an error.
 */
import ts from 'typescript';
import type { Finding } from '../schemas/events/generated.ts';
import type { SourceExtension, TypeScriptService } from './typescript-service.ts';

export interface Diagnosis {
  readonly extension: SourceExtension;
  readonly fileName: string;
  readonly syntaxErrors: number;
  readonly problems: readonly Problem[];
}

export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly code: number;
  /** Offset and length in UTF-16 units. */
  readonly start: number;
  readonly length: number;
  readonly message: string;
}

const EXTENSIONS: Readonly<Record<string, SourceExtension>> = {
  typescript: '.ts',
  tsx: '.tsx',
  javascript: '.js',
  jsx: '.jsx',
};

/** Modules and test globals that live outside the one file: a missing import, a missing type package. */
const OUTSIDE: ReadonlySet<number> = new Set([2307, 2792, 2732, 7016, 2582, 2593, 2581, 2592]);
/** Names of Node's own globals when its types are not installed. */
const NODE_GLOBALS: ReadonlySet<number> = new Set([2580, 2591]);
const UNUSED: ReadonlySet<number> = new Set([6133, 6138, 6192, 6196, 6198, 6199]);
/** JSX elements and runtimes have no types without their library. */
const JSX_LIBRARY: ReadonlySet<number> = new Set([7026, 2686, 2874, 2875, 2503]);
/** In JavaScript only what fails at run time for certain: undefined names, doubled or constant bindings. */
const JAVASCRIPT_ERRORS: ReadonlySet<number> = new Set([2304, 2552, 2451, 2588, 2300, 18004]);

export function isTypeScriptFamily(language: string): boolean {
  return Object.hasOwn(EXTENSIONS, language);
}

/** Runs the compiler over a text. JSX inside a `.ts` text is read as TSX when that parses and plain does not. */
export function diagnose(host: TypeScriptService, language: string, text: string): Diagnosis {
  const extension = EXTENSIONS[language] ?? '.ts';
  const plain = diagnoseAs(host, extension, text);
  if (extension !== '.ts' || plain.syntaxErrors === 0 || !/<\/?[A-Za-z]/.test(text)) return plain;
  const withJsx = diagnoseAs(host, '.tsx', text);
  return withJsx.syntaxErrors === 0 ? withJsx : diagnoseAs(host, '.ts', text);
}

function diagnoseAs(host: TypeScriptService, extension: SourceExtension, text: string): Diagnosis {
  const fileName = host.open(text, extension);
  const syntactic = withoutEchoes(host.service.getSyntacticDiagnostics(fileName));
  // After a syntax error the types are guesses about a text nobody wrote.
  const semantic = syntactic.length > 0 ? [] : host.service.getSemanticDiagnostics(fileName);
  const file = host.sourceFile();
  const isJavaScript = extension === '.js' || extension === '.jsx';
  const problems: Problem[] = syntactic.map((diagnostic) => toProblem(diagnostic, 'error'));
  for (const diagnostic of semantic) {
    const severity = severityOf(diagnostic, { file, isJavaScript, hasNodeTypes: host.hasNodeTypes });
    if (severity !== null) problems.push(toProblem(diagnostic, severity));
  }
  return { extension, fileName, syntaxErrors: syntactic.length, problems };
}

/** "Can only be used in TypeScript files" says something only where the text is sound otherwise. */
function withoutEchoes<T extends ts.Diagnostic>(diagnostics: readonly T[]): readonly T[] {
  const sound = diagnostics.filter(({ code }) => code < 8000 || code >= 9000);
  return sound.length > 0 ? sound : diagnostics;
}

interface PolicyContext {
  readonly file: ts.SourceFile;
  readonly isJavaScript: boolean;
  readonly hasNodeTypes: boolean;
}

function severityOf(diagnostic: ts.Diagnostic, context: PolicyContext): Problem['severity'] | null {
  const { code } = diagnostic;
  if (OUTSIDE.has(code)) return 'warning';
  if (NODE_GLOBALS.has(code) && !context.hasNodeTypes) return null;
  if (JSX_LIBRARY.has(code)) return null;
  if (UNUSED.has(code)) return isOfferedName(diagnostic, context) ? null : 'warning';
  if (diagnostic.category !== ts.DiagnosticCategory.Error) return null;
  if (!context.isJavaScript) return 'error';
  return JAVASCRIPT_ERRORS.has(code) || code < 2000 || (code >= 8000 && code < 9000) ? 'error' : null;
}

/** A top-level function of a snippet is there to be used by its reader: only unused imports are worth a word. */
function isOfferedName(diagnostic: ts.Diagnostic, context: PolicyContext): boolean {
  const position = diagnostic.start ?? 0;
  let node: ts.Node = context.file;
  for (;;) {
    if (ts.isImportDeclaration(node)) return false;
    if (ts.isFunctionLike(node) || ts.isClassLike(node)) return node.name !== undefined && covers(node.name, position);
    const inner: ts.Node | undefined = ts.forEachChild(node, (child) => (covers(child, position) ? child : undefined));
    if (inner === undefined) return true;
    node = inner;
  }
}

function covers(node: ts.Node, position: number): boolean {
  return node.pos <= position && position < node.end;
}

function toProblem(diagnostic: ts.Diagnostic, severity: Problem['severity']): Problem {
  return {
    severity,
    code: diagnostic.code,
    start: diagnostic.start ?? 0,
    length: diagnostic.length ?? 0,
    message: ts.flattenDiagnosticMessageText(diagnostic.messageText, ' '),
  };
}

/** Line of an offset, from 1. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}

export function typeScriptFindings(host: TypeScriptService, language: string, text: string): Finding[] {
  return diagnose(host, language, text).problems.map((problem) => ({
    severity: problem.severity,
    line: lineAt(text, problem.start),
    rule: `ts${problem.code}`,
    message: problem.message,
  }));
}
