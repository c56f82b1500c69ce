/** Mode and window in words. Owns: the line that people read. Does not own: what they mean, or where they are kept. */

import type { ObsState } from '../telemetry/mode-bucket.ts';
import { hint } from './called.ts';
import { duration, type Paint } from './terminal.ts';

/** Such as `Observability: debug; full telemetry, 3m12s left, because agents: process 12 ended without stopping`. */
export function modeLine({ mode, window }: ObsState, paint: Paint): string {
  if (window === null) return `Observability: ${mode}`;
  const what = `full telemetry, ${duration(window.leftMs)} left`;
  const why = window.byHand ? window.cause : `because ${window.cause}`;
  return `Observability: ${mode}; ${paint('yellow', what)}, ${why} ${hint('(`mesh mode close` ends it)')}`;
}
