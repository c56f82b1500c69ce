/**
 * Getting a supervisor to run: in this process or in the background. Owns: the conversation between `mesh up --detach`
 * and the supervisor it started, waiting for one that somebody else is starting, and starting again after one that was
 * about to end. Does not own: supervising, or whose wish counts (wish.ts).
 */
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { meshEnv, meshFolder, programFile, type Settings } from '../../config/settings.ts';
import { CliError, type ExitCode } from '../errors.ts';
import { supervisorTrouble } from '../local-trouble.ts';
import { prepareHome } from './home.ts';
import { isAlive } from './process-mark.ts';
import { liveness, type RunState, readRunState } from './run-state.ts';
import { logPath } from './services.ts';
import { isOverruled, lastWish, makeWish, type Wish } from './wish.ts';

/** Longer than a first start with fetching nats-server and indexing takes. */
const LAUNCH_DEADLINE_MS = 300_000;
/** Another `mesh up` is at work: it has this long, as its own deadline says, and a little more. */
const OTHER_DEADLINE_MS = 45_000;
/** What a signal stops is gone by then: services, then nats-server, and a little more. */
const STOPPING_DEADLINE_MS = 20_000;
const POLL_MS = 50;
/** Each is a supervisor that ended in the middle of its start, though nobody asked for that. */
const LAUNCHES_MAX = 3;

/** What the background supervisor tells the process that started it. */
const launchMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('note'), text: z.string() }),
  z.object({ kind: z.literal('begun') }),
  z.object({ kind: z.literal('ready') }),
  z.object({ kind: z.literal('busy') }),
  z.object({ kind: z.literal('failed'), text: z.string(), exitCode: z.number(), lines: z.array(z.string()) }),
]);

export type LaunchMessage = z.infer<typeof launchMessage>;

/** Name of the supervisor's own log. */
export const supervisorName = 'supervisor';

type Say = (text: string) => void;

/**
 * Waits for a mesh that another process is starting. Null when its supervisor has ended, or is about to: it can be
 * started anew.
 * @throws CliError when it does not become ready
 */
export async function waitUntilReady(settings: Settings): Promise<RunState | null> {
  const deadline = Date.now() + OTHER_DEADLINE_MS;
  let seen = false;
  while (Date.now() < deadline) {
    const state = readRunState(settings);
    const up = liveness(state).kind === 'up';
    seen ||= up;
    if (up && state?.state === 'ready') return state;
    if (up && state?.state === 'stopping') return null;
    if (seen && state?.state === 'failed')
      throw new CliError(3, `the mesh could not start: ${state.problem ?? 'see its logs'}`);
    if (seen && !up) return null;
    await sleep(POLL_MS);
  }
  throw new CliError(
    3,
    'another `mesh up` is running but did not become ready; see `mesh status`, or `mesh down` first',
  );
}

interface Launch {
  /** Resolves when a stop would find it, or when it has come to its end before. */
  readonly begun: Promise<void>;
  /** Resolves when everything is ready, or with the reason why not. */
  readonly end: Promise<Exclude<LaunchMessage, { kind: 'note' | 'begun' }>>;
}

/** Starts a supervisor in the background. */
function launchDetached(settings: Settings, say: Say): Launch {
  const log = openSync(logPath(settings, supervisorName), 'a');
  const child = spawn(process.execPath, [programFile('cli', 'main'), 'up', '--background'], {
    cwd: meshFolder(),
    env: { ...process.env, ...meshEnv() },
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  });
  const begun = Promise.withResolvers<void>();
  const end = Promise.withResolvers<Awaited<Launch['end']>>();
  const settle = (message: Awaited<Launch['end']>): void => {
    clearTimeout(timer);
    begun.resolve();
    end.resolve(message);
    if (child.connected) child.disconnect();
    child.unref();
  };
  const gone = (how: string): void => {
    const text = `the supervisor ${how} (its log: ${logPath(settings, supervisorName)})`;
    settle({ kind: 'failed', text, exitCode: 1, lines: [] });
  };
  const timer = setTimeout(() => gone('did not become ready in time'), LAUNCH_DEADLINE_MS);
  child.on('message', (raw) => {
    const message = launchMessage.safeParse(raw);
    if (!message.success) return;
    if (message.data.kind === 'note') say(message.data.text);
    else if (message.data.kind === 'begun') begun.resolve();
    else settle(message.data);
  });
  child.once('error', (error) => gone(error.message));
  child.once('exit', (code, signal) => gone(`ended with ${signal ?? `code ${code}`}`));
  return { begun: begun.promise, end: end.promise };
}

function toExitCode(code: number): ExitCode {
  return code === 2 || code === 3 ? code : 1;
}

/** A mesh that is up and ready, started in the background when there is none. @throws CliError */
export async function ensureUp(settings: Settings, say: Say): Promise<{ state: RunState; started: boolean }> {
  const now = liveness(readRunState(settings));
  if (now.kind === 'up') {
    const frozen = supervisorTrouble(settings, now.state);
    if (frozen !== null) throw new CliError(3, frozen);
    const isWished = lastWish(settings.MESH_HOME)?.wanted === 'up';
    if (isWished && now.state.state === 'ready') return { state: now.state, started: false };
  } else {
    const { assertUsable } = await import('./preflight.ts');
    for (const text of await assertUsable(settings)) say(text);
    prepareHome(settings);
  }
  const wish = makeWish(settings.MESH_HOME, 'up');
  for (let launches = 0; launches < LAUNCHES_MAX; launches++) {
    const launch = await inTurn(settings, wish, say);
    const outcome = await launch?.end;
    if (outcome?.kind === 'failed') {
      assertWished(settings, wish);
      throw new CliError(toExitCode(outcome.exitCode), outcome.text, { details: outcome.lines });
    }
    const state = await waitUntilReady(settings);
    if (state !== null) return { state, started: outcome?.kind === 'ready' };
    assertWished(settings, wish);
  }
  throw new CliError(3, `the supervisor ended ${LAUNCHES_MAX} times before everything was ready; see \`mesh status\``);
}

function assertWished(settings: Settings, wish: Wish | null): void {
  if (!isOverruled(settings.MESH_HOME, wish)) return;
  throw new CliError(3, 'a `mesh down` that came later has stopped the mesh');
}

/** Starts a supervisor unless there is one that goes on; null when there is. */
async function inTurn(settings: Settings, wish: Wish | null, say: Say): Promise<Launch | null> {
  // A mesh that is up is found without a lock, and what makes one is not loaded for it.
  const { takeTurn } = await import('./turn.ts');
  const turn = await takeTurn(settings.MESH_HOME, say);
  try {
    assertWished(settings, wish);
    if (await goesOn(settings)) return null;
    prepareHome(settings);
    const launch = launchDetached(settings, say);
    await launch.begun;
    return launch;
  } finally {
    turn.end();
  }
}

/** Whether there is a supervisor that was not told to stop; one that was is waited for. */
export async function goesOn(settings: Settings): Promise<boolean> {
  const deadline = Date.now() + STOPPING_DEADLINE_MS;
  for (;;) {
    const now = liveness(readRunState(settings));
    if (now.kind !== 'up') {
      // Its record is closed a moment before it ends; until then it has the lock.
      const last = now.kind === 'leftovers' ? now.state.supervisor : readRunState(settings)?.supervisor;
      if (last === undefined || !isAlive(last) || Date.now() > deadline) return false;
    } else if (now.state.state !== 'stopping' || Date.now() > deadline) return true;
    await sleep(POLL_MS);
  }
}
