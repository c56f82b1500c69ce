/**
 * Loaded before a process (`--import`), it shifts the process' wall clock by what the file `MESH_TEST_CLOCK` says,
 * milliseconds, also while it runs. The steady clock stays as it is, as when somebody sets a machine's clock.
 */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

const LOOK_EVERY_MS = 20;
const RealDate = Date;
let offsetMs = 0;
let lookedAtMs = Number.NEGATIVE_INFINITY;

function now() {
  const steadyMs = performance.now();
  if (steadyMs - lookedAtMs >= LOOK_EVERY_MS) {
    lookedAtMs = steadyMs;
    offsetMs = Number(readFileSync(process.env.MESH_TEST_CLOCK, 'utf8'));
  }
  return RealDate.now() + offsetMs;
}

globalThis.Date = class ShiftedDate extends RealDate {
  constructor(...parts) {
    super(...(parts.length === 0 ? [now()] : parts));
  }
  static now() {
    return now();
  }
};
