/**
 * `mesh up`. Owns: running the supervisor in the foreground or sending it to the background, and the summary that
 * follows. Does not own: supervising (supervisor/).
 */
import { type Command, Option } from 'commander';
import { meshConfigPath, meshFolder, type Settings } from '../../config/settings.ts';
import { giveBackMemory } from '../../services/idle-memory.ts';
import { supervisedServices } from '../../services/table.ts';
import { declare, settingsNow } from '../command.ts';
import { dashboardUrl } from '../dashboard-url.ts';
import { CliError, toFailure } from '../errors.ts';
import { prepareHome } from '../supervisor/home.ts';
import { ensureUp, goesOn, type LaunchMessage, supervisorName, waitUntilReady } from '../supervisor/launch.ts';
import { openLogFile } from '../supervisor/log-file.ts';
import { isShown, lineText } from '../supervisor/log-line.ts';
import { describeOwnMesh, watchOwnFolder } from '../supervisor/own-folder.ts';
import type { RunState } from '../supervisor/run-state.ts';
import { logPath, natsColour, natsName } from '../supervisor/services.ts';
import { type Supervisor, supervise } from '../supervisor/supervise.ts';
import { isOverruled, makeWish, takeTurn } from '../supervisor/wish.ts';
import { err, note, out, painter, print, type Style, table } from '../terminal.ts';

export function command(): Command {
  return declare({
    name: 'up',
    group: 'Mesh',
    summary: 'set up and run everything on this machine',
    details:
      'Starts a nats-server (unless NATS_URL names one) and the services, restarts what dies, and keeps state and logs in MESH_HOME. In the foreground it shows the logs until Ctrl-C.',
    examples: [
      ['up', 'run in the foreground with logs'],
      ['up --detach', 'run in the background'],
      ['up --watch', 'run in the foreground, and take edits of your own mesh as you save them'],
      ['down', 'stop it'],
    ],
  })
    .option('-d, --detach', 'run in the background and return when everything is ready')
    .option('-w, --watch', 'take edits of the folder of your own mesh while it runs')
    .addOption(new Option('--background').hideHelp())
    .action(async (options: { detach?: true; background?: true; watch?: true }) => {
      const settings = settingsNow();
      if (options.watch) return watchInForeground(settings, options.detach === true);
      if (options.background) return runInBackground(settings);
      if (options.detach) return detach(settings);
      return runInForeground(settings);
    });
}

async function detach(settings: Settings): Promise<void> {
  const paint = painter(err);
  const { state, started } = await ensureUp(settings, (text) => note(paint('dim', `· ${text}`)));
  if (!started) print(`The mesh is already up (process ${state.supervisor.pid}); \`mesh status\` shows it.`);
  else for (const line of summary(state, settings)) print(line);
}

/** What runs, where, and what to try next. */
function summary(state: RunState, settings: Settings): string[] {
  const paint = painter(out);
  const what = new Map(supervisedServices.map(({ name, summary }) => [name, summary]));
  const rows = state.services.map((one) => [
    `  ${paint('green', '●')} ${one.name}`,
    `process ${one.process?.pid ?? '–'}`,
    paint('dim', what.get(one.name) ?? state.natsUrl),
  ]);
  return [
    paint('bold', 'The mesh is up.'),
    ...table(rows),
    `  state and logs in ${settings.MESH_HOME}`,
    `  dashboard at ${paint('bold', dashboardUrl(settings))}`,
    '',
    'Try:',
    `  mesh run "How does a task survive a crash?"`,
    `  mesh open        ${paint('dim', 'watch it in the browser')}`,
    `  mesh status      ${paint('dim', 'what runs')}`,
    `  mesh down        ${paint('dim', 'stop it')}`,
  ];
}

async function watchInForeground(settings: Settings, isDetached: boolean): Promise<void> {
  if (isDetached)
    throw new CliError(2, '--watch tells you what it takes, so it stays in the foreground; leave out --detach');
  if (meshConfigPath() === null)
    throw new CliError(2, '--watch is for a mesh of your own, and there is no mesh.config.ts here; see `mesh init -h`');
  await runInForeground(settings, (running, note) =>
    watchOwnFolder({
      ...{ folder: meshFolder(), home: settings.MESH_HOME, note },
      describe: describeOwnMesh,
      take: (edits) => running.take(edits),
    }),
  );
}

/** What is at work beside a supervisor in the foreground; resolves to the function that ends it. */
type Beside = (running: Supervisor, note: (text: string) => void) => Promise<() => Promise<void>>;

const nothingBeside: Beside = async () => async () => undefined;

async function runInForeground(settings: Settings, beside = nothingBeside): Promise<void> {
  const paint = painter(out);
  const colours = new Map<string, Style>([
    ...supervisedServices.map(({ name, colour }) => [name, colour] as const),
    [natsName, natsColour],
  ]);
  const say = (text: string): void => print(`${paint('bold', 'mesh   │')} ${text}`);
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
    print(`The mesh is already up (process ${state.supervisor.pid}); \`mesh status\` shows it.`);
    return;
  }
  const end = await beside(running, say);
  say(`ready on ${running.state.natsUrl}; Ctrl-C stops it`);
  await untilSignal(running, end);
  say('stopped');
}

async function runInBackground(settings: Settings): Promise<void> {
  const tell = (message: LaunchMessage): void => {
    if (process.connected) process.send?.(message);
  };
  const log = ownLog(settings);
  const output = {
    note: (text: string) => {
      log(text);
      tell({ kind: 'note', text });
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
