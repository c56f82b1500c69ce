/**
 * `mesh open`. Owns: opening the dashboard in the browser of this machine, or saying where it is. Does not own: the
 * dashboard.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { blankSecrets, type Settings } from '../../config/settings.ts';
import { declare, settingsNow } from '../command.ts';
import { dashboardUrl } from '../dashboard-url.ts';
import { CliError } from '../errors.ts';
import { liveness, readRunState } from '../supervisor/run-state.ts';
import { print } from '../terminal.ts';

export function command(): Command {
  return declare({
    name: 'open',
    group: 'Mesh',
    summary: 'open the dashboard',
    details: 'Opens the browser of this machine where there is one, and prints the address in any case.',
    examples: [
      ['open', 'the dashboard of the running mesh'],
      ['open --print', 'only print the address'],
    ],
  })
    .option('--print', 'only print the address, with the token when one is set')
    .action((options: { print?: true }) => open(settingsNow(), options.print === true));
}

async function open(settings: Settings, onlyPrint: boolean): Promise<void> {
  if (liveness(readRunState(settings)).kind !== 'up')
    throw new CliError(3, 'the mesh is down; start it with `mesh up --detach`');
  const url = dashboardUrl(settings);
  const token = settings.MESH_DASHBOARD_TOKEN;
  const address = token === undefined ? url : `${url}/?token=${encodeURIComponent(token)}`;
  const opened = token === undefined ? () => url : () => pageThatLeadsTo(address, settings.MESH_HOME);
  if (!onlyPrint && (await openBrowser(opened()))) return print(`Opened ${url} in the browser.`);
  print(address);
}

/**
 * The arguments of a program are read by every user of the machine, so the browser is not given the token but a file that
 * nobody else can read, and that leads on.
 */
function pageThatLeadsTo(address: string, home: string): string {
  const path = join(home, 'open.html');
  // An address of ours: what could end the attribute is encoded in it.
  const page = `<!doctype html><title>Agent Mesh</title><meta http-equiv="refresh" content="0; url=${address}">\n`;
  writeFileSync(path, page, { mode: 0o600 });
  return pathToFileURL(path).href;
}

/** The program of each system that hands an address to the browser. */
const openers: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
};

/** False where there is no screen or no such program. */
async function openBrowser(address: string): Promise<boolean> {
  const { DISPLAY, WAYLAND_DISPLAY, BROWSER } = process.env;
  const own = openers[process.platform];
  if (own === undefined && BROWSER === undefined && DISPLAY === undefined && WAYLAND_DISPLAY === undefined)
    return false;
  const [program = 'xdg-open', ...args] = own ?? [BROWSER ?? 'xdg-open'];
  return new Promise((resolve) => {
    const env = { ...process.env, ...blankSecrets([]) };
    const child = spawn(program, [...args, address], { stdio: 'ignore', detached: true, env });
    child.once('error', () => resolve(false));
    child.once('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}
