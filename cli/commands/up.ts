/**
 * `mesh up`. Owns: where the supervisor runs, and the summary that follows. Does not own: running it in this process
 * (`supervise-here.ts`, loaded where that is wanted: who sends it to the background waits for less), or supervising
 * (supervisor/).
 */
import { type Command, Option } from 'commander';
import { meshConfigPath, type Settings } from '../../config/settings.ts';
import { supervisedServices } from '../../services/table.ts';
import { hint, meshCommand } from '../called.ts';
import { declare, settingsNow } from '../command.ts';
import { dashboardUrl } from '../dashboard-url.ts';
import { CliError } from '../errors.ts';
import { ensureUp } from '../supervisor/launch.ts';
import { partsLines } from '../supervisor/own-parts.ts';
import type { RunState } from '../supervisor/run-state.ts';
import { err, note, out, painter, print, table } from '../terminal.ts';

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
      if (options.watch) assertWatchable(options.detach === true);
      else if (options.detach && !options.background) return detach(settings);
      const here = await import('../supervise-here.ts');
      if (options.watch) return here.watchInForeground(settings);
      return options.background ? here.runInBackground(settings) : here.runInForeground(settings);
    });
}

async function detach(settings: Settings): Promise<void> {
  const paint = painter(err);
  const { state, started } = await ensureUp(settings, (text) => note(paint('dim', `· ${text}`)));
  if (!started) print(hint(`The mesh is already up (process ${state.supervisor.pid}); \`mesh status\` shows it.`));
  else for (const line of summary(state, settings)) print(line);
}

/** What runs, where, and what to try next. */
function summary(state: RunState, settings: Settings): string[] {
  const paint = painter(out);
  const mesh = meshCommand();
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
    ...partsLines(state.own).map((line) => `  ${line}`),
    '',
    'Try:',
    `  ${mesh} ${exampleFor(state)}`,
    ...table([
      [`  ${mesh} open`, paint('dim', 'watch it in the browser')],
      [`  ${mesh} status`, paint('dim', 'what runs')],
      [`  ${mesh} down`, paint('dim', 'stop it')],
    ]),
  ];
}

function exampleFor({ own }: RunState): string {
  const [workflow] = own?.workflows ?? [];
  return workflow === undefined ? 'run "How does a task survive a crash?"' : `run --workflow ${workflow} "…"`;
}

function assertWatchable(isDetached: boolean): void {
  if (isDetached)
    throw new CliError(2, '--watch tells you what it takes, so it stays in the foreground; leave out --detach');
  if (meshConfigPath() === null)
    throw new CliError(2, '--watch is for a mesh of your own, and there is no mesh.config.ts here; see `mesh init -h`');
}
