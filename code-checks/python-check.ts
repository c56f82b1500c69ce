/**
 * Checks Python with Ruff's parser and its rules for code that cannot run, compiled to WebAssembly: no Python is needed
 * and no code is executed, so every machine gives the same verdict.
 * Owns which of Ruff's rules count; style is nobody's business here.
 */
import { PositionEncoding, Workspace } from '@astral-sh/ruff-wasm-nodejs';
import type { Finding } from '../schemas/events/generated.ts';
import { emptyBodies } from './empty-bodies.ts';

/** Syntax (E9), formats that fail (F50x, F52x), wrong comparisons (F63), misplaced statements (F70x), names (F82). */
const ERRORS = 'E9 F501 F502 F503 F505 F506 F507 F508 F509 F521 F524 F63 F701 F702 F704 F706 F707 F82'.split(' ');
/** Unused imports and variables. */
const WARNINGS = ['F401', 'F841'];

export interface PythonEdit {
  readonly content: string;
  readonly start: { readonly row: number; readonly column: number };
  readonly end: { readonly row: number; readonly column: number };
}

export interface PythonProblem {
  readonly severity: 'error' | 'warning';
  /** Ruff's code, lower-case: f821, invalid-syntax. */
  readonly rule: string;
  readonly row: number;
  readonly column: number;
  readonly message: string;
  readonly edits: readonly PythonEdit[];
}

export interface PythonChecker {
  readonly checker: string;
  problems(text: string): PythonProblem[];
}

/** The part of Ruff's diagnostics that is read here; its check() is declared as untyped. */
interface RuffDiagnostic {
  code: string | null;
  message: string;
  start_location: { row: number; column: number };
  fix: {
    edits: {
      content: string | null;
      location: { row: number; column: number };
      end_location: { row: number; column: number };
    }[];
  } | null;
}

export function createPythonChecker(): PythonChecker {
  const workspace = new Workspace(
    { 'target-version': 'py314', lint: { select: [...ERRORS, ...WARNINGS] } },
    PositionEncoding.Utf16,
  );
  return {
    checker: `ruff@${Workspace.version()}`,
    problems(text) {
      const diagnostics: RuffDiagnostic[] = workspace.check(text);
      return diagnostics.map(toProblem);
    },
  };
}

function toProblem(diagnostic: RuffDiagnostic): PythonProblem {
  const code = diagnostic.code ?? 'invalid-syntax';
  return {
    severity: WARNINGS.includes(code) ? 'warning' : 'error',
    rule: code.toLowerCase(),
    row: diagnostic.start_location.row,
    column: diagnostic.start_location.column,
    message: diagnostic.message,
    edits: (diagnostic.fix?.edits ?? []).map((edit) => ({
      content: edit.content ?? '',
      start: edit.location,
      end: edit.end_location,
    })),
  };
}

export function pythonFindings(checker: PythonChecker, text: string): Finding[] {
  const found = checker.problems(text).map(
    (problem): Finding => ({
      severity: problem.severity,
      line: problem.row,
      rule: `ruff-${problem.rule}`,
      message: problem.message,
    }),
  );
  return [...found, ...emptyBodies(text)];
}
