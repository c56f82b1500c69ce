/**
 * The supervisor in this process, of `mesh up`. Owns: what it shows, its own log, and the signals that end it. Does not own:
 * sending it to the background (supervisor/launch.ts), or supervising (supervisor/supervise.ts).
 */

import { meshFolder, type Settings } from '../config/settings.ts';
import { giveBackMemory } from '../services/idle-memory.ts';
import { supervisedServices } from '../services/table.ts';
import { hint } from './called.ts';
import { CliError, toFailure } from './errors.ts';
import { prepareHome } from './supervisor/home.ts';
import { goesOn, type LaunchMessage, supervisorName, waitUntilReady } from './supervisor/launch.ts';
import { openLogFile } from './supervisor/log-file.ts';
import { isShown, lineText } from './supervisor/log-line.ts';
import { partsLines } from './supervisor/own-parts.ts';
import { assertUsable } from './supervisor/preflight.ts';
import { logPath, natsColour, natsName } from './supervisor/services.ts';
import { type Supervisor, supervise } from './supervisor/supervise.ts';
import { takeTurn } from './supervisor/turn.ts';
import { isOverruled, makeWish } from './supervisor/wish.ts';
import { out, painter, print, type Style } from './terminal.ts';

export async function watchInForeground(settings: Settings): Promise<void> {
  const { ownMeshDescriber, watchOwnFolder } = await import('./supervisor/own-folder.ts');
  await runInForeground(settings, (running, note) =>
    watchOwnFolder({
      ...{ folder: meshFolder(), home: settings.MESH_HOME, note },
      describe: ownMeshDescriber(),
      take: (edits) => running.take(edits),
    }),
  );
}

/** What is at work beside a supervisor in the foreground; resolves to the function that ends it. */
type Beside = (running: Supervisor, note: (text: string) => void) => Promise<() => Promise<void>>;

const nothingBeside: Beside = async () => async () => undefined;

export async function runInForeground(settings: Settings, beside = nothingBeside): Promise<void> {
  const paint = painter(out);
  const colours = new Map<string, Style>([
    ...supervisedServices.map(({ name, colour }) => [name, colour] as const),
    [natsName, natsColour],
  ]);
  const say = (text: string): void => print(`${paint('bold', 'mesh   │')} ${hint(text)}`);
  for (const text of await assertUsable(settings)) say(text);
  const log = ownLog(settings);
  prepareHome(settings);
  const wish = makeWish(settings.MESH_HOME, 'up');
  const turn = await takeTurn(settings.MESH_HOME, say);
  if (isOverruled(settings.MESH_HOME, wish)) {
    turn.end();
    throw new CliError(3, 'a `mesh down` that came later keeps the mesh down');
  }
  await goesOn(settings);
  const running = await withSignals((interrupted) =>
    supervise(
      settings,
      true,
      {
        note: (text) => {
          say(text);
          log(text);
        },
        line: (name, line) => {
          if (isShown(line, settings.MESH_LOG_LEVEL)) print(lineText(name, colours.get(name) ?? 'white', line, paint));
        },
        begun: turn.end,
      },
      interrupted,
    ).finally(turn.end),
  );
  if (running === null) {
    const state = await waitUntilReady(settings);
    if (state === null) throw new CliError(3, 'the mesh that was up has been stopped meanwhile; try again');
    print(hint(`The mesh is already up (process ${state.supervisor.pid}); \`mesh status\` shows it.`));
    return;
  }
  const end = await beside(running, say);
  for (const line of partsLines(running.state.own)) say(line);
  say(`ready on ${running.state.natsUrl}; Ctrl-C stops it`);
  await untilSignal(running, end);
  say('stopped');
}

export async function runInBackground(settings: Settings): Promise<void> {
  const tell = (message: LaunchMessage): void => {
    if (process.connected) process.send?.(message);
  };
  const log = ownLog(settings);
  const output = {
    note: (text: string) => {
      log(text);
      tell({ kind: 'note', text: hint(text) });
    },
    line: () => undefined,
    begun: () => tell({ kind: 'begun' }),
  };
  let running: Supervisor | null;
  try {
    running = await withSignals((interrupted) => supervise(settings, false, output, interrupted));
  } catch (error) {
    const { message, exitCode } = toFailure(error);
    log(message);
    tell({ kind: 'failed', text: message, exitCode, lines: error instanceof CliError ? [...error.details] : [] });
    process.exitCode = exitCode;
    return;
  }
  tell(running === null ? { kind: 'busy' } : { kind: 'ready' });
  if (process.connected) process.disconnect();
  if (running === null) return;
  log('ready');
  await untilSignal(running);
  log('stopped');
}

/** The supervisor's own log, one line an event. */
function ownLog(settings: Settings): (text: string) => void {
  prepareHome(settings);
  const file = openLogFile(logPath(settings, supervisorName));
  return (text) => file.write(`${new Date().toISOString()} ${text}`);
}

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs a start that a signal may interrupt. */
async function withSignals<T>(start: (interrupted: AbortSignal) => Promise<T>): Promise<T> {
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort();
  for (const name of stopSignals) process.on(name, onSignal);
  try {
    return await start(interrupt.signal);
  } finally {
    for (const name of stopSignals) process.off(name, onSignal);
  }
}

/** Waits for a signal and stops everything; a second signal does not wait any longer. */
async function untilSignal(running: Supervisor, before: () => Promise<void> = async () => undefined): Promise<void> {
  giveBackMemory();
  await new Promise<void>((resolve) => {
    for (const name of stopSignals) process.once(name, () => resolve());
  });
  for (const name of stopSignals) process.on(name, () => running.kill());
  await before();
  await running.stop();
}
