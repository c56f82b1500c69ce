/**
 * ShellCheck, where a person has installed it: what a script does wrong although its syntax is right. Owns: asking it, and
 * reading what it says (its format json1). Does not own: the syntax of scripts (syntax-check.ts), which needs no program.
 *
 * It reads the script from its input and no other file: neither settings (`--norc`) nor what the script sources.
 */
import { spawn } from 'node:child_process';
import type { Finding } from '../schemas/events/generated.ts';
import type { CheckReply } from './check-worker.ts';

const RUN_MS_MAX = 20_000;
const SAID_CHARS_MAX = 1_000_000;
const NOTHING: CheckReply = { findings: [], checkedBy: [] };

/** Nothing, and nobody named, when it is not installed or did not come to an end. @throws the signal's reason */
export async function shellCheck(text: string, signal?: AbortSignal): Promise<CheckReply> {
  const dialect = /^#!.*\b(sh|dash|ksh|bash)\b/.exec(text)?.[1] ?? 'bash';
  const said = await asked(['--norc', '--format=json1', '--severity=warning', `--shell=${dialect}`, '-'], text, signal);
  return said === null ? NOTHING : readShellCheck(said);
}

/** What it said as findings; nothing when that is not of its form. */
export function readShellCheck(said: string): CheckReply {
  let value: unknown;
  try {
    value = JSON.parse(said);
  } catch (error) {
    if (error instanceof SyntaxError) return NOTHING;
    throw error;
  }
  if (!isRecord(value) || !Array.isArray(value.comments)) return NOTHING;
  const findings = value.comments.filter(isRecord).map(
    ({ level, line, code, message }): Finding => ({
      severity: level === 'error' ? 'error' : 'warning',
      line: typeof line === 'number' && Number.isSafeInteger(line) && line > 0 ? line : 0,
      rule: `shellcheck-sc${String(code)}`,
      message: String(message),
    }),
  );
  return { findings, checkedBy: ['shellcheck'] };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asked(args: readonly string[], text: string, signal: AbortSignal | undefined): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const child = spawn('shellcheck', args, {
      ...{ stdio: ['pipe', 'pipe', 'ignore'], timeout: RUN_MS_MAX, killSignal: 'SIGKILL' },
      // Keys are in the rest of the environment.
      env: { PATH: process.env.PATH, LANG: 'C.UTF-8' },
    });
    let said = '';
    const stop = (): void => void child.kill('SIGKILL');
    signal?.addEventListener('abort', stop, { once: true });
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      said += piece;
      if (said.length > SAID_CHARS_MAX) stop();
    });
    const settle = (result: string | null): void => {
      signal?.removeEventListener('abort', stop);
      if (signal?.aborted) reject(signal.reason);
      else resolve(result);
    };
    child.once('error', () => settle(null));
    // It ends with 1 when it has something to say.
    child.once('close', (status) => settle(status === 0 || status === 1 ? said : null));
    child.stdin.on('error', () => undefined);
    child.stdin.end(text);
  });
}
