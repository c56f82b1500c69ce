/**
 * Process of the callers: `node bench/peers/callers.ts PROGRAM ADDRESS`. Owns: the closed loop and its clock. Does not
 * own: how a run is made (the program), or what is asked when (race.ts, by messages).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { newCorrelationId } from '../../schemas/events/ids.ts';
import { percentile, round } from '../measure.ts';
import { type Ask, askSchema, type Reply, type Window } from './callers-protocol.ts';
import { checkAnswer, createJob } from './job.ts';
import type { ProgramModule } from './system.ts';

const RETRY_MS = 50;
const RUN_LIMIT_MS = 120_000;

const [path = '', address = ''] = process.argv.slice(2);
const { open } = (await import(pathToFileURL(path).href)) as ProgramModule;
const program = await open(address, createJob());

/** So many callers, each with its next run when the last one has ended. */
async function measure({ callers, seconds, runsMin }: Extract<Ask, { what: 'window' }>): Promise<Window> {
  const latenciesMs: number[] = [];
  const beganMs = performance.now();
  let begun = 0;
  const isOpen = (): boolean => {
    const elapsedMs = performance.now() - beganMs;
    return elapsedMs < seconds * 1000 || (begun < runsMin && elapsedMs < RUN_LIMIT_MS);
  };
  const caller = async (): Promise<void> => {
    while (isOpen()) {
      begun += 1;
      const startMs = performance.now();
      checkAnswer(await program.run(newCorrelationId()));
      latenciesMs.push(performance.now() - startMs);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const elapsedS = (performance.now() - beganMs) / 1000;
  return {
    runs: latenciesMs.length,
    perSecond: round(latenciesMs.length / elapsedS),
    p50Ms: percentile(latenciesMs, 0.5),
    p95Ms: percentile(latenciesMs, 0.95),
  };
}

/** Until the caller knows the answer: servers that are away are asked again under the same id. */
async function finish(attempt: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + RUN_LIMIT_MS;
  for (;;) {
    try {
      return checkAnswer(await attempt());
    } catch (thrown) {
      if (performance.now() > deadline) throw thrown;
      await sleep(RETRY_MS);
    }
  }
}

async function answer(ask: Ask): Promise<Window | null> {
  if (ask.what === 'window') return measure(ask);
  const resume = program.resume?.bind(program) ?? program.run.bind(program);
  const how = ask.what === 'resume' ? resume : program.run.bind(program);
  await Promise.all(ask.ids.map((id) => finish(() => how(id))));
  return null;
}

const send = (reply: Reply): void => {
  process.send?.(reply);
};
process.on('message', (message) => {
  const ask = askSchema.parse(message);
  answer(ask).then(
    (window) => send({ tag: ask.tag, window }),
    (error: unknown) => send({ tag: ask.tag, error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.stdout.write('ready\n');
