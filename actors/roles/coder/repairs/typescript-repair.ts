/**
 * Repairs TypeScript and JavaScript: the compiler's own code fixes where it has one, single tokens for syntax.
 * Owns which fixes are taken. A fix is kept only when the text then has fewer errors, so repairing always ends.
 */
import ts from 'typescript';
import { type Diagnosis, diagnose, lineAt, type Problem } from '../../../../code-checks/typescript-check.ts';
import type { TypeScriptService } from '../../../../code-checks/typescript-service.ts';
import type { Repair, RepairedCode } from './repair-code.ts';
import { latenessWeight, repairByToken } from './token-repair.ts';
import { codeFixes, type Fix } from './typescript-fixes.ts';

/** Every round takes away at least one error; a text with more than this is not a slip. */
const ROUNDS_MAX = 40;
const TOKENS = [')', '}', ']', ';', ',', ':', '(', '{'];
/** Quotes only end a string that has no end: anywhere else they would swallow what follows. */
const UNTERMINATED: Readonly<Record<number, readonly string[]>> = { 1002: ["'", '"'], 1160: ['`'] };

interface Step {
  readonly text: string;
  readonly repair: Repair;
}

/** Repairs until no error is left or no rule helps; unused imports go at the end. */
export function repairTypeScript(host: TypeScriptService, language: string, source: string): RepairedCode {
  const repairs: Repair[] = [];
  let text = source;
  let state = diagnose(host, language, text);
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const step = nextStep(host, language, text, state);
    if (step === null) break;
    text = step.text;
    repairs.push(step.repair);
    state = diagnose(host, language, text);
  }
  return { text, repairs, errorsLeft: errorsOf(state).length };
}

function errorsOf(state: Diagnosis): Problem[] {
  return state.problems.filter((problem) => problem.severity === 'error');
}

function nextStep(host: TypeScriptService, language: string, text: string, state: Diagnosis): Step | null {
  const errors = errorsOf(state);
  if (errors.some((problem) => problem.code >= 8000 && problem.code < 9000))
    return withoutTypes(language, text, errors);
  if (state.syntaxErrors > 0) return syntaxStep(text, state);
  for (const problem of errors.sort((a, b) => urgency(a) - urgency(b))) {
    const best = bestFix(host, { language, text, state, problem, errorsNow: errors.length });
    if (best !== null) return step(best.text, text, problem, best.what);
  }
  return errors.length === 0 ? unusedImportStep(host, text, state) : null;
}

/** Names before types: what a name turns out to be decides which type its neighbours need. */
function urgency(problem: Problem): number {
  return problem.code >= 7000 && problem.code < 8000 ? 1 : 0;
}

interface FixSearch {
  readonly language: string;
  readonly text: string;
  readonly state: Diagnosis;
  readonly problem: Problem;
  readonly errorsNow: number;
}

/** The fix that leaves the fewest errors; of equals the first offered. */
function bestFix(host: TypeScriptService, search: FixSearch): Fix | null {
  let best: Fix | null = null;
  let fewest = search.errorsNow;
  for (const fix of codeFixes(host, search.text, search.state, search.problem)) {
    const after = diagnose(host, search.language, fix.text);
    const left = errorsOf(after).length;
    if (after.syntaxErrors > 0 || left >= fewest) continue;
    fewest = left;
    best = fix;
  }
  // Trying a fix put another text into the service; the next problem needs the one it was found in.
  diagnose(host, search.language, search.text);
  return best;
}

function step(text: string, before: string, problem: Problem, what: string): Step {
  return { text, repair: { rule: `ts${problem.code}`, line: lineAt(before, problem.start), what } };
}

/** TypeScript in a JavaScript file: the compiler writes it out without its types. */
function withoutTypes(language: string, text: string, errors: readonly Problem[]): Step | null {
  const problem = errors.find(({ code }) => code >= 8000 && code < 9000);
  if (problem === undefined) return null;
  const { outputText } = ts.transpileModule(text, {
    fileName: language === 'jsx' ? 'code.tsx' : 'code.ts',
    compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, jsx: ts.JsxEmit.Preserve },
  });
  const written = outputText.replace(/^export \{\};\n/m, '');
  return written.trim() === text.trim()
    ? null
    : step(written, text, problem, 'took out the types that JavaScript has no syntax for');
}

function syntaxStep(text: string, state: Diagnosis): Step | null {
  const first = state.problems[0];
  if (first === undefined) return null;
  const expected = /^'(.+)' expected/.exec(first.message)?.[1];
  const likely = [...(UNTERMINATED[first.code] ?? []), ...(expected === undefined ? [] : [expected])];
  const repaired = repairByToken(text, {
    offset: first.start,
    tokens: [...new Set([...likely, ...TOKENS])],
    weigh: (candidate) => syntaxWeight(candidate, state.extension),
  });
  return repaired === null ? null : step(repaired.text, text, first, repaired.what);
}

function syntaxWeight(text: string, extension: string): number {
  const fileName = `code${extension}`;
  const { diagnostics = [] } = ts.transpileModule(text, {
    fileName,
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, jsx: ts.JsxEmit.Preserve },
  });
  const errors = diagnostics.filter((diagnostic) => diagnostic.category === ts.DiagnosticCategory.Error);
  const first = errors[0];
  return first === undefined ? 0 : errors.length + latenessWeight(text, first.start ?? 0);
}

function unusedImportStep(host: TypeScriptService, text: string, state: Diagnosis): Step | null {
  for (const problem of state.problems.filter(({ code }) => code === 6133 || code === 6192)) {
    const fix = codeFixes(host, text, state, problem)[0];
    if (fix !== undefined) return step(fix.text, text, problem, fix.what);
  }
  return null;
}
