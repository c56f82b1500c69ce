/**
 * Mode and window as people see them. Owns: reading them from the mesh, and their words. Does not own: what they mean.
 */
import type { Bus } from '../bus/port.ts';
import {
  isMode,
  MODE_KEY,
  type Mode,
  type ObsWindow,
  parseWindow,
  remainingMs,
  WINDOW_KEY,
} from '../telemetry/mode.ts';
import { duration, type Paint } from './terminal.ts';

export interface ObsState {
  readonly mode: Mode;
  /** The window that is open, or null. */
  readonly window: (ObsWindow & { readonly leftMs: number }) | null;
  /** The last one that is known of, open or not. */
  readonly last: ObsWindow | null;
}

/** @param fallback the mode of the settings */
export async function readObservability(bus: Bus, fallback: Mode): Promise<ObsState> {
  const config = bus.kv('config');
  const [mode, told] = await Promise.all([config.get(MODE_KEY), config.get(WINDOW_KEY)]);
  const last = told === null ? null : parseWindow(told.value);
  const leftMs = last === null ? 0 : remainingMs(last, Date.now());
  return {
    mode: mode !== null && isMode(mode.value) ? mode.value : fallback,
    window: last !== null && leftMs > 0 ? { ...last, leftMs } : null,
    last,
  };
}

/** Such as `Observability: debug; full telemetry, 3m12s left, because agents: process 12 ended without stopping`. */
export function modeLine({ mode, window }: ObsState, paint: Paint): string {
  if (window === null) return `Observability: ${mode}`;
  const what = `full telemetry, ${duration(window.leftMs)} left`;
  return `Observability: ${mode}; ${paint('yellow', what)}, because ${window.cause} (\`mesh mode close\` ends it)`;
}
