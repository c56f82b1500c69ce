/**
 * SQLFluff, where a person has installed it: what a statement does wrong although its syntax is right, such as naming a table
 * that it does not read. Owns: how it is asked, which of its rules are about that, and what it says (its format json). Does not
 * own: running it (`installed-checker.ts`), or the syntax of SQL (syntax-check.ts), which needs no program.
 *
 * 1. Rules of taste (layout, capitals, names) are not asked for: nobody's answer is worse for them.
 * 2. Its findings are warnings: the dialect is a guess, and what the parsers of PostgreSQL or SQLite take is no error because
 *    SQLFluff cannot read it. Then it has checked nothing and is not named.
 * 3. It reads the statement from its input and no settings of a folder, and fills in no template.
 */
import type { Finding } from '../schemas/events/generated.ts';
import type { CheckReply } from './check-worker.ts';
import { askChecker, isRecord, lineOf, NOTHING, readJson } from './installed-checker.ts';

/** References to what is not there, columns that are ambiguous or twice, conditions that are constant, what is never used. */
const RULES = 'AL04,AL05,AL08,AM01,AM02,AM06,AM07,RF01,RF02,ST03,ST10,ST11,CV05';

/** Most particular first; what none of them has is read as PostgreSQL. */
const DIALECTS: readonly (readonly [dialect: string, sign: RegExp])[] = [
  ['mysql', /`\w+`|\bENGINE\s*=|\bAUTO_INCREMENT\b|\bON\s+DUPLICATE\s+KEY\b/i],
  ['tsql', /\bSELECT\s+TOP\s*(?:\(|\d)|\bNVARCHAR\b|\bIDENTITY\s*\(|\[\w+\]\.\[\w+\]|^\s*GO\s*$/im],
  ['sqlite', /\bAUTOINCREMENT\b|\bPRAGMA\b|\bWITHOUT\s+ROWID\b|\bINSERT\s+OR\s+(?:IGNORE|REPLACE)\b/i],
];

export function sqlDialect(text: string): string {
  return DIALECTS.find(([, sign]) => sign.test(text))?.[0] ?? 'postgres';
}

/** Nothing, and nobody named, when it is not installed or did not come to an end. @throws the signal's reason */
export async function sqlFluff(text: string, signal?: AbortSignal): Promise<CheckReply> {
  const dialect = sqlDialect(text);
  const args = [
    'lint',
    '--ignore-local-config',
    '--templater=raw',
    '--nocolor',
    '--format=json',
    `--dialect=${dialect}`,
  ];
  const said = await askChecker({ program: 'sqlfluff', args: [...args, `--rules=${RULES}`, '-'], text, signal });
  return said === null ? NOTHING : readSqlFluff(said, dialect);
}

/** What it said as findings; nothing when that is not of its form, or when it could not read the statement. */
export function readSqlFluff(said: string, dialect: string): CheckReply {
  const value = readJson(said);
  const [file] = Array.isArray(value) ? value : [];
  if (!isRecord(file) || !Array.isArray(file.violations)) return NOTHING;
  const violations = file.violations.filter(isRecord);
  if (violations.some(({ code }) => code === 'PRS' || code === 'TMP' || code === 'LXR')) return NOTHING;
  const findings = violations.map(
    ({ code, start_line_no: line, description }): Finding => ({
      severity: 'warning',
      line: lineOf(line),
      rule: `sqlfluff-${String(code).toLowerCase()}`,
      message: String(description),
    }),
  );
  return { findings, checkedBy: [`sqlfluff (${dialect})`] };
}
