/**
 * The code run against the examples and tests of its request. Owns: what of it is a finding. Does not own: which examples
 * there are (in-request.ts, compile.ts), or the sandbox (sandbox.ts).
 *
 * An example that fails is an error, whoever approves. What needs more than a sandbox has says nothing of the code: it is
 * said that it was not tried.
 */

import type { Finding } from '../../schemas/events/generated.ts';
import { createWorkerPool, WorkerError } from '../../worker-pool/worker-pool.ts';
import type { CodeToTry } from './compile.ts';
import { mayHaveExamples } from './in-request.ts';
import { isProgram, type Outcome, type Program } from './program.ts';
import { isRunnable } from './runnable.ts';
import { CPU_SECONDS_MAX, type Ran, runConfined } from './sandbox.ts';

export interface Tried {
  readonly findings: Finding[];
  /** Empty when nothing was tried to an end. */
  readonly checkedBy: string[];
}

interface Options {
  readonly signal?: AbortSignal;
  readonly flow?: string;
  readonly task?: string;
}

/** Of work: to read a request and to compile a text, without its types. */
const COMPILE_MS_MAX = 20_000;
const HEAP_MB_MAX = 512;
const NOTHING: Tried = { findings: [], checkedBy: [] };

const compiler = createWorkerPool<{ code: CodeToTry; prompt: string }, { program: Program | null }>({
  script: new URL('./compile-worker.ts', import.meta.url),
  ...{ kind: 'process', workersMax: 1, heapMbMax: HEAP_MB_MAX, workMsMax: COMPILE_MS_MAX },
  parse(said) {
    if (typeof said !== 'object' || said === null || !('program' in said))
      throw new TypeError('A reply needs a program.');
    const { program } = said;
    if (program !== null && !isProgram(program)) throw new TypeError('That is no program.');
    return { program };
  },
});

/** @throws the signal's reason */
export async function tryExamples(code: CodeToTry, prompt: string, options: Options = {}): Promise<Tried> {
  if (!mayHaveExamples(prompt) || !(isRunnable(code.language) || code.files?.some((file) => isRunnable(file.language))))
    return NOTHING;
  const { language, text, files } = code;
  const asked = { language, text, ...(files === undefined ? {} : { files }) };
  try {
    const { program } = await compiler.ask({ code: asked, prompt }, options);
    if (program === null) return NOTHING;
    const missing = program.missing.map((name) =>
      finding('error', `The request calls ${name}, and the code has nothing of that name.`),
    );
    if (program.trials.length === 0) return { findings: missing, checkedBy: [] };
    const { findings, checkedBy } = judged(await runConfined(program, options.signal));
    return { findings: [...missing, ...findings], checkedBy };
  } catch (error) {
    if (!(error instanceof WorkerError)) throw error;
    return { findings: [notTried(`they could not be read (${error.code})`)], checkedBy: [] };
  }
}

function finding(severity: Finding['severity'], message: string): Finding {
  return { severity, line: 0, rule: severity === 'error' ? 'example' : 'example-not-tried', message };
}

function notTried(why: string): Finding {
  return finding('info', `The examples of the request were not tried: ${why}.`);
}

const WHY_NOT = {
  cpu: `did not end within ${CPU_SECONDS_MAX} s of processor time`,
  memory: 'used up its memory',
  clock: 'was not done within two minutes',
  early: 'ended its process before it was done',
  unstarted: 'could not be started',
} as const satisfies Record<Exclude<Ran['ended'], 'done'>, string>;

function judged({ outcomes, ended }: Ran): Tried {
  const conclusive = outcomes.filter((one) => one.ok || one.wanted === undefined);
  const findings = outcomes.flatMap(findingOf);
  if (ended === 'cpu' || ended === 'memory')
    findings.push(finding('error', `With the examples of the request the code ${WHY_NOT[ended]}.`));
  else if (ended !== 'done') findings.push(notTried(`the sandbox ${WHY_NOT[ended]}`));
  const isTried = conclusive.length > 0 || ended === 'cpu' || ended === 'memory';
  return { findings, checkedBy: isTried ? [`examples of the request (${Math.max(1, conclusive.length)})`] : [] };
}

function findingOf({ name, ok, message, wanted }: Outcome): Finding[] {
  if (ok) return [];
  if (wanted !== undefined)
    return [finding('info', `“${name}” was not tried: there is no ${wanted} where it would run.`)];
  return [finding('error', `“${name}” of the request fails: it ${message}`.replace(/ it (?=\w*Error\b)/, ' '))];
}

/** Ends the compiler, for an orderly shutdown; a later request starts it again. */
export function closeExamples(): Promise<void> {
  return compiler.close();
}
