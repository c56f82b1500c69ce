/**
 * What can be tried against one diagnostic of the compiler: its own code fixes, and a few of ours.
 * Owns the list of fixes that are safe to take without a person looking; whether one helped is decided by the caller.
 */
import ts from 'typescript';
import type { Diagnosis, Problem } from '../../../../code-checks/typescript-check.ts';
import type { TypeScriptService } from '../../../../code-checks/typescript-service.ts';

export interface Fix {
  readonly text: string;
  readonly what: string;
}

/**
 * The compiler's fixes that only say what the code already means. Left out: whatever switches checking off, invents
 * bodies ("Function not implemented") or changes what is exported.
 */
const SAFE_FIXES: ReadonlySet<string> = new Set([
  'import',
  'spelling',
  'inferFromUsage',
  'fixAwaitInSyncFunction',
  'addMissingAwait',
  'addVoidToPromise',
  'fixReturnTypeInAsyncFunction',
  'fixMissingMember',
  'fixOverrideModifier',
  'addMissingNewOperator',
  'constructorForDerivedNeedSuperCall',
  'classSuperMustPrecedeThisAccess',
  'extendsInterfaceBecomesImplements',
  'forgottenThisPropertyAccess',
  'addMissingConst',
  'fixNaNEquality',
  'unusedIdentifier',
  'addMissingInvocationForDecorator',
  'convertToTypeOnlyImport',
  'fixExpectedComma',
  'addMissingDeclareProperty',
]);
const PREFERENCES: ts.UserPreferences = {
  quotePreference: 'single',
  includeCompletionsForModuleExports: true,
  importModuleSpecifierPreference: 'shortest',
};

/** Texts to try against a problem, the likeliest first. */
export function codeFixes(host: TypeScriptService, text: string, state: Diagnosis, problem: Problem): Fix[] {
  const end = problem.start + problem.length;
  const offered = host.service.getCodeFixesAtPosition(
    state.fileName,
    problem.start,
    end,
    [problem.code],
    ts.getDefaultFormatCodeSettings('\n'),
    PREFERENCES,
  );
  const taken = offered
    .filter((fix) => SAFE_FIXES.has(fix.fixName) && isWanted(fix, isInImport(text, problem.start)))
    .sort((a, b) => importRank(a) - importRank(b));
  return [...taken.flatMap((fix) => applied(text, fix)), ...ownFixes(text, problem)];
}

/** Only Node's own modules are imported: any other would be an import of something that is not there. */
function isWanted(fix: ts.CodeFixAction, isImport: boolean): boolean {
  if (fix.fixName === 'import') return /from "node:/.test(fix.description) || /'node:/.test(changedText(fix));
  if (fix.fixName === 'unusedIdentifier') return isImport;
  return !/index signature|ignore|nocheck/i.test(fix.description);
}

/** Taking out an unused variable could take out a call that matters; an import clause has nothing but names. */
function isInImport(text: string, offset: number): boolean {
  const opening = [...text.slice(0, offset).matchAll(/^import\b/gm)].at(-1);
  if (opening === undefined) return /^import\b/.test(text.slice(offset));
  return !/['"]/.test(text.slice(opening.index, offset)) || /^import\b/.test(text.slice(offset));
}

/** `import { x }` before `import x`: a name that is undefined is most often a member. */
function importRank(fix: ts.CodeFixAction): number {
  return fix.fixName === 'import' && !changedText(fix).includes('{') ? 1 : 0;
}

function changedText(fix: ts.CodeFixAction): string {
  return fix.changes.flatMap((change) => change.textChanges.map((edit) => edit.newText)).join('\n');
}

/** The compiler infers `any` where it sees no use: `unknown` first, since it keeps the checks awake. */
function applied(text: string, fix: ts.CodeFixAction): Fix[] {
  const edits = fix.changes.flatMap((change) => change.textChanges);
  const what = inWords(fix);
  const plain = { text: apply(text, edits), what };
  if (!/\bany\b/.test(changedText(fix))) return [plain];
  const strict = edits.map((edit) => ({ ...edit, newText: edit.newText.replace(/\bany\b/g, 'unknown') }));
  return [{ text: apply(text, strict), what: `${what}, unknown where no use tells` }, plain];
}

function inWords(fix: ts.CodeFixAction): string {
  const inferred = [...new Set(changedText(fix).match(/: [^\n]+/g) ?? [])].map((type) => type.slice(2));
  if (fix.fixName === 'inferFromUsage')
    return `gave it the type its use asks for (${inferred.join(', ').slice(0, 120)})`;
  return `repaired: ${fix.description.charAt(0).toLowerCase()}${fix.description.slice(1)}`;
}

function apply(text: string, edits: readonly ts.TextChange[]): string {
  const fromEnd = [...edits].sort((a, b) => b.span.start - a.span.start);
  return fromEnd.reduce(
    (result, { span, newText }) => result.slice(0, span.start) + newText + result.slice(span.start + span.length),
    text,
  );
}

/** 'x' is of type 'unknown': nearly always a caught error whose message is read. */
const UNKNOWN_VALUE = 18046;
/** 'this' implicitly has type 'any'. */
const IMPLICIT_THIS = 2683;
const UNDEFINED_NAME: ReadonlySet<number> = new Set([2304, 2552]);

function ownFixes(text: string, problem: Problem): Fix[] {
  const name = text.slice(problem.start, problem.start + problem.length);
  const before = text.slice(0, problem.start);
  const after = text.slice(problem.start + problem.length);
  if (problem.code === UNKNOWN_VALUE && /^\.message\b/.test(after)) {
    const safe = `(${name} instanceof Error ? ${name}.message : String(${name}))`;
    return [{ text: before + safe + after.slice('.message'.length), what: `reads ${name}.message only of an Error` }];
  }
  if (problem.code === IMPLICIT_THIS) {
    const opening = [...before.matchAll(/\bfunction\b\s*\*?\s*\w*\s*\(\s*/g)].at(-1);
    if (opening !== undefined) {
      const at = opening.index + opening[0].length;
      const parameter = text.charAt(at) === ')' ? 'this: unknown' : 'this: unknown, ';
      return [{ text: text.slice(0, at) + parameter + text.slice(at), what: 'declared what this is: unknown' }];
    }
  }
  if (UNDEFINED_NAME.has(problem.code)) {
    // A statement that only calls what does not exist, such as a logger of another file.
    const rest = /^(?:\.\w+)*\([^()\n]*\);?[ \t]*(?:\n|$)/.exec(after)?.[0];
    const lead = /(?:^|\n)[ \t]*$/.exec(before)?.[0];
    if (rest !== undefined && lead !== undefined) {
      const kept = before.slice(0, before.length - lead.length) + (lead.startsWith('\n') ? '\n' : '');
      return [
        { text: kept + after.slice(rest.length), what: `took out the call of ${name}, which is not defined here` },
      ];
    }
  }
  return [];
}
