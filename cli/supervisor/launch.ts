/**
 * Getting a supervisor to run: in this process or in the background. Owns: the conversation between `mesh up --detach`
 * and the supervisor it started, and waiting for one that somebody else is starting. Does not own: supervising.
 */
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { projectRoot, type Settings } from '../../config/settings.ts';
import { CliError, type ExitCode } from '../errors.ts';
import { prepareHome } from './home.ts';
import { liveness, type RunState, readRunState } from './run-state.ts';
import { logPath, smallHeap } from './services.ts';

/** Longer than a first start with fetching nats-server and indexing takes. */
const LAUNCH_DEADLINE_MS = 300_000;
/** Another `mesh up` is at work: it has this long, as its own deadline says, and a little more. */
const OTHER_DEADLINE_MS = 45_000;
const POLL_MS = 50;

/** What the background supervisor tells the process that started it. */
const launchMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('note'), text: z.string() }),
  z.object({ kind: z.literal('ready') }),
  z.object({ kind: z.literal('busy') }),
  z.object({ kind: z.literal('failed'), text: z.string(), exitCode: z.number(), lines: z.array(z.string()) }),
]);

export type LaunchMessage = z.infer<typeof launchMessage>;

/** Name of the supervisor's own log. */
export const supervisorName = 'supervisor';

/** Waits for a mesh that another process is starting. @throws CliError when it does not become ready */
export async function waitUntilReady(settings: Settings): Promise<RunState> {
  const deadline = Date.now() + OTHER_DEADLINE_MS;
  while (Date.now() < deadline) {
    const state = readRunState(settings);
    if (state?.state === 'ready' && liveness(state).kind === 'up') return state;
    if (state?.state === 'failed')
      throw new CliError(3, `the mesh could not start: ${state.problem ?? 'see its logs'}`);
    await sleep(POLL_MS);
  }
  throw new CliError(
    3,
    'another `mesh up` is running but did not become ready; see `mesh status`, or `mesh down` first',
  );
}

/** Starts a supervisor in the background; resolves when everything is ready. @throws CliError */
async function launchDetached(settings: Settings, say: (text: string) => void): Promise<RunState> {
  prepareHome(settings);
  const log = openSync(logPath(settings, supervisorName), 'a');
  const child = spawn(process.execPath, [...smallHeap, join(projectRoot, 'cli', 'main.ts'), 'up', '--background'], {
    cwd: projectRoot,
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  });
  const end = await new Promise<LaunchMessage>((resolve) => {
    const timer = setTimeout(() => resolve(gone('did not become ready in time')), LAUNCH_DEADLINE_MS);
    const settle = (message: LaunchMessage): void => {
      clearTimeout(timer);
      resolve(message);
    };
    child.on('message', (raw) => {
      const message = launchMessage.safeParse(raw);
      if (!message.success) return;
      if (message.data.kind === 'note') say(message.data.text);
      else settle(message.data);
    });
    child.once('error', (error) => settle(gone(error.message)));
    child.once('exit', (code, signal) => settle(gone(`ended with ${signal ?? `code ${code}`}`)));
  });
  if (child.connected) child.disconnect();
  child.unref();
  switch (end.kind) {
    case 'ready':
    case 'busy':
      return waitUntilReady(settings);
    case 'failed':
      throw new CliError(toExitCode(end.exitCode), end.text, { details: end.lines });
    case 'note':
      throw new Error('a note does not end a launch');
    default:
      throw new Error(`unhandled message: ${String(end satisfies never)}`);
  }

  function gone(how: string): LaunchMessage {
    const text = `the supervisor ${how} (its log: ${logPath(settings, supervisorName)})`;
    return { kind: 'failed', text, exitCode: 1, lines: [] };
  }
}

function toExitCode(code: number): ExitCode {
  return code === 2 || code === 3 ? code : 1;
}

/** A mesh that is up and ready, started in the background when there is none. */
export async function ensureUp(
  settings: Settings,
  say: (text: string) => void,
): Promise<{ state: RunState; started: boolean }> {
  const now = liveness(readRunState(settings));
  if (now.kind === 'up' && now.state.state === 'ready') return { state: now.state, started: false };
  if (now.kind === 'up' && now.state.state === 'starting') {
    return { state: await waitUntilReady(settings), started: false };
  }
  return { state: await launchDetached(settings, say), started: true };
}
