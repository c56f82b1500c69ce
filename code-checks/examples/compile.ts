/**
 * Makes a program for the sandbox of the code and the examples in its request. Owns: which examples can be tried on this
 * code, and as what JavaScript. Does not own: finding them (in-request.ts), or running them.
 *
 * An example that uses what is neither the code's, nor the language's, nor a test's is none: it is passed over.
 */
import ts from 'typescript';
import type { CodeFile } from '../../schemas/events/generated.ts';
import { examplesIn, type Found, literalAt } from './in-request.ts';
import { type Program, TRIALS_MAX, type Trial } from './program.ts';
import { isRunnable } from './runnable.ts';

export interface CodeToTry {
  readonly language: string;
  readonly text: string;
  readonly files?: readonly CodeFile[];
}

const NAME_CHARS_MAX = 200;
/** What the sandbox gives to tests. */
const HARNESS =
  'test it describe suite specify expect assert beforeEach afterEach beforeAll afterAll before after'.split(' ');
const GLOBALS: ReadonlySet<string> = new Set([...Object.getOwnPropertyNames(globalThis), 'undefined', 'arguments']);
/** Where the sandbox has it (sandbox-worker.ts). */
const HARNESS_MODULE = 'mesh:harness';
const MAIN = '/main.ts';

/** Null when the request has nothing that could be tried on this code. */
export function compileTrials(code: CodeToTry, prompt: string): Program | null {
  const found = examplesIn(prompt);
  if (found.length === 0) return null;
  const sources = sourcesOf(code);
  if (sources.length === 0) return null;
  const names = new Map<string, string>();
  const modules: Record<string, string> = {};
  for (const { path, text } of sources) {
    const { js, exported } = asModule(path, text);
    if (js === null) return null;
    modules[path] = js;
    for (const name of exported) if (!names.has(name)) names.set(name, path);
  }
  const missing = new Set<string>();
  const all = sources.map(({ text }) => text).join('\n');
  const miss = (name: string): void => {
    // As a method it is called on what the example does not show.
    if (!new RegExp(`\\b${name.replace(/\$/g, '\\$')}\\b`).test(all)) missing.add(name);
  };
  const trials = found.flatMap((one) => trialOf(one, names, miss)).slice(0, TRIALS_MAX);
  return trials.length === 0 && missing.size === 0 ? null : { modules, trials, missing: [...missing] };
}

function sourcesOf({ language, text, files = [] }: CodeToTry): { path: string; text: string }[] {
  if (files.length === 0) return isRunnable(language) ? [{ path: MAIN, text }] : [];
  return files
    .filter((file) => isRunnable(file.language) && !/\.(?:test|spec)\./.test(file.path))
    .map((file) => ({ path: `/${file.path.replace(/^\.?\/+/, '')}`, text: file.text }));
}

function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true, ts.ScriptKind.TS);
}

function toJs(fileName: string, text: string): string | null {
  const { outputText, diagnostics = [] } = ts.transpileModule(text, {
    fileName,
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, experimentalDecorators: true },
  });
  return diagnostics.some(({ category }) => category === ts.DiagnosticCategory.Error) ? null : outputText;
}

/** The module with all that it declares exported, so that an example reaches it. */
function asModule(path: string, text: string): { js: string | null; exported: readonly string[] } {
  const file = parse(path, text);
  const { values, exported, hasDefault } = declaredIn(file);
  const more = values.filter((name) => !exported.has(name));
  const clauses = more.length === 0 ? '' : `\nexport { ${more.join(', ')} };`;
  const only = !hasDefault && values.length === 1 ? `\nexport { ${values[0]} as default };` : '';
  const names = [...new Set([...values, ...exported])].filter((name) => name !== 'default');
  return { js: toJs(path, `${text}${clauses}${only}\n`), exported: names };
}

function declaredIn(file: ts.SourceFile): { values: string[]; exported: Set<string>; hasDefault: boolean } {
  const values: string[] = [];
  const exported = new Set<string>();
  let hasDefault = false;
  for (const statement of file.statements) {
    const flags = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []).map(({ kind }) => kind) : [];
    if (flags.includes(ts.SyntaxKind.DeclareKeyword)) continue;
    const isDefault = flags.includes(ts.SyntaxKind.DefaultKeyword);
    if (isDefault || ts.isExportAssignment(statement)) hasDefault = true;
    const own = valuesOf(statement);
    values.push(...own);
    if (flags.includes(ts.SyntaxKind.ExportKeyword) && !isDefault) for (const name of own) exported.add(name);
    if (ts.isExportDeclaration(statement) && statement.exportClause && ts.isNamedExports(statement.exportClause)) {
      for (const { name } of statement.exportClause.elements) exported.add(name.text);
    }
  }
  if (exported.has('default')) hasDefault = true;
  return { values: [...new Set(values)], exported, hasDefault };
}

function valuesOf(statement: ts.Statement): string[] {
  if (ts.isFunctionDeclaration(statement)) return statement.name && statement.body ? [statement.name.text] : [];
  if (ts.isClassDeclaration(statement) || ts.isEnumDeclaration(statement))
    return statement.name ? [statement.name.text] : [];
  if (!ts.isVariableStatement(statement)) return [];
  return statement.declarationList.declarations.flatMap(({ name }) => (ts.isIdentifier(name) ? [name.text] : []));
}

type Miss = (name: string) => void;

function trialOf(found: Found, names: ReadonlyMap<string, string>, miss: Miss): Trial[] {
  return found.kind === 'call' ? callTrial(found, names, miss) : testTrial(found.text, names, miss);
}

function callTrial(
  { call, expected, stressed }: Extract<Found, { kind: 'call' }>,
  names: ReadonlyMap<string, string>,
  miss: Miss,
): Trial[] {
  const body = `await check(${JSON.stringify(shown(call, expected))}, async () => (${call}), ${
    expected === null ? 'null' : `async () => (${expected})`
  });`;
  const file = parse('/trial.ts', body);
  const free = freeNames(file);
  const unknown = [...free].filter((name) => name !== 'check' && !names.has(name) && !GLOBALS.has(name));
  if (unknown.length > 0) {
    const root = /^(?:new\s+)?([A-Za-z_$][\w$]*)\s*\(/.exec(call)?.[1];
    if (stressed && root !== undefined && unknown.length === 1 && unknown[0] === root && !HARNESS.includes(root))
      miss(root);
    return [];
  }
  // What is only the language's own says nothing of this code.
  if (![...free].some((name) => names.has(name))) return [];
  return finished(shown(call, expected), `${importsOf(free, names, ['check'])}\n${body}`);
}

function shown(call: string, expected: string | null): string {
  return `${call} ${expected === null ? 'throws' : `→ ${expected}`}`.slice(0, NAME_CHARS_MAX);
}

function finished(name: string, source: string): Trial[] {
  const js = toJs('/trial.ts', source);
  return js === null ? [] : [{ name: name.slice(0, NAME_CHARS_MAX), js }];
}

function importsOf(free: ReadonlySet<string>, names: ReadonlyMap<string, string>, harness: readonly string[]): string {
  const lines = [...free].flatMap((name) => {
    const path = names.get(name);
    return path === undefined ? [] : [`import { ${name} } from ${JSON.stringify(`code:${path}`)};`];
  });
  return [...lines, `import { ${harness.join(', ')} } from ${JSON.stringify(HARNESS_MODULE)};`].join('\n');
}

function testTrial(text: string, names: ReadonlyMap<string, string>, miss: Miss): Trial[] {
  const source = withChecks(text);
  const file = parse('/trial.ts', source);
  const own = new Set(declaredIn(file).values);
  // It brings the code itself, such as code that is to be mended.
  if ([...own].some((name) => names.has(name))) return [];
  if (!importsAreKnown(file, names, miss)) return [];
  const free = freeNames(file);
  const harness = [...HARNESS, 'check'].filter((name) => free.has(name));
  const unknown = [...free].filter((name) => !names.has(name) && !GLOBALS.has(name) && !harness.includes(name));
  for (const name of unknown) if (isCalled(file, name)) miss(name);
  if (unknown.length > 0) return [];
  const says = /\b(?:test|it)\s*\(\s*(['"`])(.*?)\1/.exec(text)?.[2] ?? text.trim().split('\n', 1)[0] ?? '';
  const wanted = new Set([...free].filter((name) => !harness.includes(name)));
  return finished(says, `${importsOf(wanted, names, harness.length > 0 ? harness : ['check'])}\n${source}`);
}

/** Imports of files are of the code; a name that it has not is missing. */
function importsAreKnown(file: ts.SourceFile, names: ReadonlyMap<string, string>, miss: Miss): boolean {
  let known = true;
  for (const statement of file.statements) {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue;
    const bindings = statement.importClause?.namedBindings;
    if (!statement.moduleSpecifier.text.startsWith('.') || bindings === undefined || !ts.isNamedImports(bindings))
      continue;
    for (const { name, propertyName, isTypeOnly } of bindings.elements) {
      const wanted = (propertyName ?? name).text;
      if (isTypeOnly || names.has(wanted) || /^[A-Z]/.test(wanted)) continue;
      miss(wanted);
      known = false;
    }
  }
  return known;
}

function isCalled(file: ts.SourceFile, name: string): boolean {
  let called = false;
  const look = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === name) called = true;
    ts.forEachChild(node, look);
  };
  look(file);
  return called;
}

/** `add(1, 2); // 3` becomes a check; everything else stays as it is. */
function withChecks(text: string): string {
  const file = parse('/trial.ts', text);
  let made = '';
  let from = 0;
  for (const statement of file.statements) {
    if (!ts.isExpressionStatement(statement)) continue;
    const lineEnd = text.indexOf('\n', statement.end);
    const behind = text.slice(statement.end, lineEnd === -1 ? text.length : lineEnd);
    const comment = /^[ \t]*\/\/[ \t]*(?:=>|->|→|=+|returns?:?)?[ \t]*/.exec(behind)?.[0];
    const literal = comment === undefined ? null : literalAt(behind, comment.length);
    if (literal === null) continue;
    const { expression } = statement;
    const [inner] =
      ts.isCallExpression(expression) && expression.expression.getText(file) === 'console.log'
        ? expression.arguments
        : [];
    const call = (inner ?? expression).getText(file);
    made += `${text.slice(from, statement.getStart(file))}await check(${JSON.stringify(shown(call, literal.text))}, async () => (${call}), async () => (${literal.text}));`;
    from = statement.end;
  }
  return made + text.slice(from);
}

/** Names that are used and declared nowhere in the text; types are passed over. */
function freeNames(file: ts.SourceFile): Set<string> {
  const used = new Set<string>();
  const declared = new Set<string>();
  const look = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
    if (ts.isIdentifier(node)) {
      if (isDeclaration(node)) declared.add(node.text);
      else if (isReference(node)) used.add(node.text);
    }
    ts.forEachChild(node, look);
  };
  look(file);
  return new Set([...used].filter((name) => !declared.has(name)));
}

function isDeclaration(node: ts.Identifier): boolean {
  const { parent } = node;
  const names =
    ts.isVariableDeclaration(parent) ||
    ts.isParameter(parent) ||
    ts.isBindingElement(parent) ||
    ts.isFunctionLike(parent) ||
    ts.isClassLike(parent) ||
    ts.isEnumDeclaration(parent) ||
    ts.isImportSpecifier(parent) ||
    ts.isImportClause(parent) ||
    ts.isNamespaceImport(parent);
  return names && parent.name === node;
}

function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  if (ts.isBindingElement(parent)) return parent.initializer === node;
  return !(
    ts.isLabeledStatement(parent) ||
    ts.isMetaProperty(parent) ||
    ts.isImportSpecifier(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isPropertyDeclaration(parent)
  );
}
