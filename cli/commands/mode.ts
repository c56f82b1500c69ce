/**
 * `mesh mode`: how much is told. Owns: showing and changing mode and window while the mesh runs. Does not own: what they
 * mean (`telemetry/mode.ts`), or following them (`services/observability.ts`).
 */
import type { Command } from 'commander';
import { isMode, type Mode, parseDuration } from '../../telemetry/mode.ts';
import { obsSwitch, readObservability } from '../../telemetry/mode-bucket.ts';
import { declare, settingsNow } from '../command.ts';
import { CliError } from '../errors.ts';
import { withBus } from '../mesh-client.ts';
import { modeLine } from '../obs-state.ts';
import { out, painter, print, printJson } from '../terminal.ts';

const DEFAULT_WINDOW = '5m';

export function command(): Command {
  return declare({
    name: 'mode',
    group: 'Mesh',
    summary: 'show or change how much the mesh tells of itself',
    details:
      'shipping: spans only. debug: a crash opens a window, in which logs and metrics are sent in full.\nAll processes follow within a second, without a restart.',
    examples: [
      ['mode', 'the mode, and the window if one is open'],
      ['mode debug', 'a crash opens a window from now on'],
      ['mode window 10m', 'open one now, for ten minutes'],
      ['mode close', 'close it'],
    ],
  })
    .argument('[what]', 'shipping, debug, window or close')
    .argument('[time]', `how long a window stays open: 90s, 10m, 1h; ${DEFAULT_WINDOW} when absent`)
    .option('--json', 'print one JSON object')
    .action((what: string | undefined, time: string | undefined, options: { json?: true }) =>
      mode(what, time, options.json === true),
    );
}

async function mode(what: string | undefined, time: string | undefined, json: boolean): Promise<void> {
  const settings = settingsNow();
  const change = changeOf(what, time);
  const state = await withBus(settings, async (bus) => {
    await bus.ensureTopology();
    const config = bus.kv('config');
    if (change.kind === 'mode') await obsSwitch(config).setMode(change.mode);
    if (change.kind === 'window') await obsSwitch(config).setWindow(change.forMs);
    return readObservability(config, settings.OBS_MODE);
  });
  if (json) return printJson({ mode: state.mode, window: state.window });
  print(modeLine(state, painter(out)));
}

type Change =
  | { readonly kind: 'none' }
  | { readonly kind: 'mode'; readonly mode: Mode }
  /** Null closes it. */
  | { readonly kind: 'window'; readonly forMs: number | null };

/** @throws CliError for words that are none of ours */
function changeOf(what: string | undefined, time: string | undefined): Change {
  if (time !== undefined && what !== 'window')
    throw new CliError(2, `a time goes with \`mesh mode window\` only: ${time}`);
  if (what === undefined) return { kind: 'none' };
  if (what === 'close') return { kind: 'window', forMs: null };
  if (isMode(what)) return { kind: 'mode', mode: what };
  if (what !== 'window')
    throw new CliError(2, `there is no mode ${JSON.stringify(what)}: shipping, debug, window or close`);
  const forMs = parseDuration(time ?? DEFAULT_WINDOW);
  if (forMs === null) throw new CliError(2, `${time} is no time for a window: from 1s to 1h, such as 90s or 10m`);
  return { kind: 'window', forMs };
}
