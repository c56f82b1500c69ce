/**
 * Runs the syntax checks in a process of their own. Owns: its limits. Does not own: the checks (syntax-check.ts).
 *
 * Grammars are large WebAssembly modules of others: V8 can run out of memory while it makes fast code of one, which ends
 * the whole process. Here it makes no fast code, and what ends is not the service.
 */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { isRecord } from '../../llm/engines/json-reply.ts';
import type { CheckReply } from './check-worker.ts';
import { LaneError } from './worker-lane.ts';

const SCRIPT = fileURLToPath(new URL('./syntax-child.ts', import.meta.url));
const HEAP_MB_MAX = 256;
/** A check takes a third of a second; a busy machine and a large text take longer. */
const SYNTAX_MS_MAX = 15_000;

/** @throws LaneError, or the signal's reason */
export async function askSyntax(
  question: { language: string; text: string },
  signal?: AbortSignal,
): Promise<CheckReply> {
  signal?.throwIfAborted();
  const limit = AbortSignal.timeout(SYNTAX_MS_MAX);
  const child = spawn(process.execPath, ['--liftoff-only', `--max-old-space-size=${HEAP_MB_MAX}`, SCRIPT], {
    stdio: ['pipe', 'pipe', 'ignore'],
    // Nothing of the environment is needed, and keys are in it.
    env: {},
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    killSignal: 'SIGKILL',
  });
  const ended = new Promise<number | null>((resolve) => {
    child.on('error', () => resolve(null)).on('close', resolve);
  });
  // A child that ends early breaks the pipe; how it ended says why.
  child.stdin.on('error', () => undefined).end(JSON.stringify(question));
  const said = await text(child.stdout).catch(() => '');
  const status = await ended;
  signal?.throwIfAborted();
  if (limit.aborted) throw new LaneError('timeout', `The syntax check took longer than ${SYNTAX_MS_MAX} ms.`);
  if (status !== 0) throw new LaneError('crashed', `The syntax check ended with status ${status ?? 'unknown'}.`);
  const reply: unknown = JSON.parse(said);
  if (!isReply(reply)) throw new LaneError('crashed', 'The syntax check said something else.');
  return reply;
}

function isReply(value: unknown): value is CheckReply {
  return isRecord(value) && Array.isArray(value.findings) && Array.isArray(value.checkedBy);
}
