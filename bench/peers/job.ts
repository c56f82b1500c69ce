/**
 * The job that every system of the race does: five steps in a row, each given the text of the one before. Owns: the
 * body of a step, and the checks that nothing was lost on the way. Does not own: what makes a step durable.
 *
 * `RACE_TRACE` names a file to which the beginning and the end of every body is appended; `RACE_STEP_MS` makes the
 * bodies slow. Both are for the kill test.
 */
import { openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { traceLine } from './trace.ts';

export const STEPS = 5;
/** What a step gives back, bytes (the prose is ASCII). */
export const STEP_BYTES = 2048;
/** What the first step is given. */
export const FIRST_TEXT = 'Five hops, please.';

/** Another piece of the prose each time, so that no system gains by storing the same bytes again. */
const STRIDE = 137;

export interface Job {
  readonly steps: number;
  readonly firstText: string;
  /** @param index from 1. @throws when it was not given what the step before it gave */
  step(run: string, index: number, input: unknown): Promise<string>;
}

export interface JobOptions {
  readonly tracePath?: string;
  readonly stepMs?: number;
}

export function createJob({ tracePath, stepMs = 0 }: JobOptions = jobOptionsFromEnv()): Job {
  const file = join(import.meta.dirname, '..', '..', 'docs', 'architecture.md');
  const prose = readFileSync(file, 'latin1').replaceAll(/[^\x20-\x7e\n]/g, '-');
  const trace = tracePath === undefined ? null : openSync(tracePath, 'a');
  let offset = 0;
  return {
    steps: STEPS,
    firstText: FIRST_TEXT,
    async step(run, index, input) {
      const expected = index === 1 ? FIRST_TEXT.length : STEP_BYTES;
      if (typeof input !== 'string' || input.length !== expected) {
        throw new Error(`step ${index} needs a text of ${expected} bytes and was given ${sizeOf(input)}`);
      }
      if (trace !== null) writeSync(trace, traceLine('begun', run, index));
      if (stepMs > 0) await sleep(stepMs);
      offset = (offset + STRIDE) % (prose.length - STEP_BYTES);
      const output = prose.slice(offset, offset + STEP_BYTES);
      if (trace !== null) writeSync(trace, traceLine('ended', run, index));
      return output;
    },
  };
}

/** @throws when a run answered anything but the text of its last step */
export function checkAnswer(answer: unknown): void {
  if (typeof answer !== 'string' || answer.length !== STEP_BYTES) {
    throw new Error(`a run must answer ${STEP_BYTES} bytes and answered ${sizeOf(answer)}`);
  }
}

export function jobEnv({ tracePath, stepMs }: JobOptions): Record<string, string> {
  return {
    ...(tracePath === undefined ? {} : { RACE_TRACE: tracePath }),
    ...(stepMs === undefined ? {} : { RACE_STEP_MS: String(stepMs) }),
  };
}

function jobOptionsFromEnv(): JobOptions {
  const { RACE_TRACE, RACE_STEP_MS } = process.env;
  return { ...(RACE_TRACE === undefined ? {} : { tracePath: RACE_TRACE }), stepMs: Number(RACE_STEP_MS ?? 0) };
}

function sizeOf(value: unknown): string {
  return typeof value === 'string' ? `${value.length} bytes` : `no text but ${typeof value}`;
}
