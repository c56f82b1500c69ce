/**
 * Mode and window as all processes share them: KV `mesh-config`. Owns: following them, opening a window when a crash was
 * found, closing it by the steady clock. Does not own: what the words mean (`telemetry/mode.ts`), or what is told.
 *
 * A bucket that cannot be read leaves what was known; nothing waits for it.
 */
import type { RuntimeLog } from '../actors/runtime/ports.ts';
import type { Bus, KeyValue } from '../bus/port.ts';
import {
  isMode,
  MODE_KEY,
  type Mode,
  type ObsWindow,
  openForCrash,
  parseWindow,
  remainingMs,
  WINDOW_KEY,
} from '../telemetry/mode.ts';

/** Between attempts to follow a bucket that cannot be read. */
const RETRY_MS = 1000;
/** What is found so soon after another is of the same crash: a restart finds all that was cut off at once. */
const SAME_CRASH_MS = 1000;

export interface Observability {
  readonly mode: Mode;
  /** The window that is open, or null. */
  readonly window: ObsWindow | null;
  /** A crash was found: opens a window if the mode says so. Nobody waits for it. */
  crash(cause: string): void;
  /** Calls back when mode or window have changed. Returns the function that ends it. */
  listen(onChange: () => void): () => void;
  follow(bus: Bus): void;
  close(): void;
}

export interface ObservabilityOptions {
  readonly mode: Mode;
  readonly windowMs: number;
  readonly log: RuntimeLog;
  /** Of this process, for the cause. */
  readonly service: string;
  readonly onChange: (window: ObsWindow | null) => void;
}

export function createObservability(options: ObservabilityOptions): Observability {
  const { log } = options;
  let mode = options.mode;
  let window: ObsWindow | null = null;
  let last: ObsWindow | null = null;
  let config: KeyValue | null = null;
  let timer: NodeJS.Timeout | null = null;
  let retry: NodeJS.Timeout | null = null;
  let unwatch: (() => void) | null = null;
  let closed = false;
  /** Found before the bucket could be asked; the first one is told. */
  let early: string | null = null;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  const heard = new Set<string>();
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of [...listeners]) listener();
  };

  const enter = (next: ObsWindow | null): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (next?.id === window?.id && next?.forMs === window?.forMs) {
      if (next !== null) wait(next);
      return;
    }
    const before = window;
    window = next;
    if (next !== null) {
      wait(next);
      const forMs = remainingMs(next, Date.now());
      log.info({ window: next.id, cause: next.cause, forMs }, 'full telemetry begins');
    } else if (before !== null) log.info({ window: before.id }, 'full telemetry ends');
    options.onChange(window);
    changed();
  };
  const wait = (open: ObsWindow): void => {
    timer = setTimeout(() => enter(null), remainingMs(open, Date.now()));
    timer.unref();
  };
  const take = (key: string, value: string | null): void => {
    if (key === MODE_KEY) {
      const text = value ?? options.mode;
      if (isMode(text) && text !== mode) {
        mode = text;
        log.info({ mode }, 'the mode of observability changed');
        changed();
      }
    } else if (key === WINDOW_KEY) {
      const told = value === null ? null : parseWindow(value);
      if (told !== null) last = told;
      enter(told !== null && remainingMs(told, Date.now()) > 0 ? told : null);
    }
  };
  const open = async (cause: string): Promise<void> => {
    if (config === null) return;
    const entry = await config.get(WINDOW_KEY);
    const known = entry === null ? last : parseWindow(entry.value);
    const opening = openForCrash(mode, known, `${options.service}: ${cause}`, Date.now(), options.windowMs);
    if (!opening.opens) {
      log.info({ cause, because: opening.because }, 'a crash was found; no window is opened');
      return;
    }
    last = opening.window;
    await config.put(WINDOW_KEY, JSON.stringify(opening.window));
    enter(opening.window);
  };
  const watch = async (bucket: KeyValue): Promise<void> => {
    const end = await bucket.watch((key, value) => {
      heard.add(key);
      take(key, value);
    });
    if (closed) return end();
    unwatch = end;
    for (const key of [MODE_KEY, WINDOW_KEY]) {
      const entry = await bucket.get(key);
      // What the watch has told meanwhile is newer.
      if (entry !== null && !heard.has(key)) take(key, entry.value);
    }
  };
  const start = (bucket: KeyValue): void => {
    watch(bucket)
      .then(() => {
        config = bucket;
        const found = early;
        early = null;
        if (found !== null) tell(found);
      })
      .catch((error: unknown) => {
        if (closed) return;
        log.debug({ error: String(error) }, 'the mode of observability cannot be read yet');
        unwatch?.();
        unwatch = null;
        retry = setTimeout(() => start(bucket), RETRY_MS);
        retry.unref();
      });
  };
  const tell = (cause: string): void => {
    if (performance.now() - toldAtMs < SAME_CRASH_MS) return;
    toldAtMs = performance.now();
    open(cause).catch((error: unknown) => {
      log.debug({ error: String(error) }, 'a window could not be opened');
    });
  };

  return {
    get mode() {
      return mode;
    },
    get window() {
      return window;
    },
    crash(cause) {
      if (config === null) early ??= cause;
      else tell(cause);
    },
    listen(onChange) {
      listeners.add(onChange);
      return () => listeners.delete(onChange);
    },
    follow: (bus) => start(bus.kv('config')),
    close() {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      if (retry !== null) clearTimeout(retry);
      unwatch?.();
    },
  };
}
