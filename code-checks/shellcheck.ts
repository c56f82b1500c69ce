/**
 * ShellCheck, where a person has installed it: what a script does wrong although its syntax is right. Owns: how it is asked, and
 * what it says (its format json1). Does not own: running it (`installed-checker.ts`), or the syntax of scripts
 * (syntax-check.ts), which needs no program.
 *
 * It reads the script from its input and no other file: neither settings (`--norc`) nor what the script sources.
 */
import type { Finding } from '../schemas/events/generated.ts';
import type { CheckReply } from './check-worker.ts';
import { askChecker, isRecord, lineOf, NOTHING, readJson } from './installed-checker.ts';

/** Nothing, and nobody named, when it is not installed or did not come to an end. @throws the signal's reason */
export async function shellCheck(text: string, signal?: AbortSignal): Promise<CheckReply> {
  const dialect = /^#!.*\b(sh|dash|ksh|bash)\b/.exec(text)?.[1] ?? 'bash';
  const args = ['--norc', '--format=json1', '--severity=warning', `--shell=${dialect}`, '-'];
  const said = await askChecker({ program: 'shellcheck', args, text, signal });
  return said === null ? NOTHING : readShellCheck(said);
}

/** What it said as findings; nothing when that is not of its form. */
export function readShellCheck(said: string): CheckReply {
  const value = readJson(said);
  if (!isRecord(value) || !Array.isArray(value.comments)) return NOTHING;
  const findings = value.comments.filter(isRecord).map(
    ({ level, line, code, message }): Finding => ({
      severity: level === 'error' ? 'error' : 'warning',
      line: lineOf(line),
      rule: `shellcheck-sc${String(code)}`,
      message: String(message),
    }),
  );
  return { findings, checkedBy: ['shellcheck'] };
}
