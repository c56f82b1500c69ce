/**
 * The mode of observability by a file, for a mesh whose settings are kept as files: a ConfigMap that Kubernetes mounts. Owns:
 * looking at the file, and switching the mode for the whole mesh when it says another word than at the last look. Does not
 * own: the words (`telemetry/mode.ts`), or following the switch (`observability.ts`).
 *
 * 1. The latest word wins: of the file when it changes, of a person who switches the mode in between.
 * 2. What the file said is remembered beside the mode, so a change while nobody looked is found at the next start, and a
 *    start alone takes nobody's word back.
 */
import { readFile } from 'node:fs/promises';
import type { RuntimeLog } from '../actors/runtime/ports.ts';
import type { KeyValue } from '../bus/port.ts';
import { isMode, MODE_FILE_KEY, MODE_KEY } from '../telemetry/mode.ts';

/** A mounted ConfigMap is exchanged behind a link, of which no file system tells reliably. */
const LOOK_EVERY_MS = 2000;

/** Looks from now on; returns the function that ends it. */
export function followModeFile(options: {
  readonly path: string;
  readonly config: Pick<KeyValue, 'get' | 'put'>;
  readonly log: Pick<RuntimeLog, 'info' | 'warn'>;
  readonly everyMs?: number;
}): () => void {
  const { path, config, log, everyMs = LOOK_EVERY_MS } = options;
  let complained = '';
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const complain = (problem: string): void => {
    if (problem !== complained) log.warn({ path }, problem);
    complained = problem;
  };
  const look = async (): Promise<void> => {
    const text = (await readFile(path, 'utf8')).trim();
    if (!isMode(text)) {
      complain(`OBS_MODE_FILE: ${JSON.stringify(text.slice(0, 40))} is no mode; debug and shipping are`);
      return;
    }
    if ((await config.get(MODE_FILE_KEY))?.value === text) return;
    // In this order: cut off in between, it is done again.
    await config.put(MODE_KEY, text);
    await config.put(MODE_FILE_KEY, text);
    complained = '';
    log.info({ mode: text, path }, 'the file of the mode says another one; the mesh is switched');
  };
  const loop = (): void => {
    look()
      .catch((error: unknown) => complain(`OBS_MODE_FILE: ${error instanceof Error ? error.message : String(error)}`))
      .finally(() => {
        if (ended) return;
        timer = setTimeout(loop, everyMs);
        timer.unref();
      });
  };
  loop();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
