/**
 * Mode and window where all processes find them: bucket `mesh-config`. Owns: reading and changing them, the same for every
 * door. Does not own: what they mean (`mode.ts`), who may change them, or following them (`services/observability.ts`).
 */
import type { KeyValue } from '../bus/port.ts';
import {
  isMode,
  MODE_KEY,
  type Mode,
  type ObsWindow,
  openByHand,
  parseWindow,
  remainingMs,
  WINDOW_KEY,
} from './mode.ts';

export interface ObsState {
  readonly mode: Mode;
  /** The window that is open, or null. */
  readonly window: (ObsWindow & { readonly leftMs: number }) | null;
  /** The last one that is known of, open or not. */
  readonly last: ObsWindow | null;
}

/** @param fallback the mode of the settings @throws BusError */
export async function readObservability(config: KeyValue, fallback: Mode): Promise<ObsState> {
  const [mode, told] = await Promise.all([config.get(MODE_KEY), config.get(WINDOW_KEY)]);
  const last = told === null ? null : parseWindow(told.value);
  const leftMs = last === null ? 0 : remainingMs(last, Date.now());
  return {
    mode: mode !== null && isMode(mode.value) ? mode.value : fallback,
    window: last !== null && leftMs > 0 ? { ...last, leftMs } : null,
    last,
  };
}

export interface ObsSwitch {
  setMode(mode: Mode): Promise<void>;
  /** Opens a window of that length, or ends the one that is open with null. */
  setWindow(forMs: number | null): Promise<void>;
}

/** Every method throws BusError. */
export function obsSwitch(config: KeyValue): ObsSwitch {
  return {
    async setMode(mode) {
      await config.put(MODE_KEY, mode);
    },
    async setWindow(forMs) {
      if (forMs === null) return config.delete(WINDOW_KEY);
      const told = await config.get(WINDOW_KEY);
      const last = told === null ? null : parseWindow(told.value);
      await config.put(WINDOW_KEY, JSON.stringify(openByHand(last, forMs, Date.now())));
    },
  };
}
