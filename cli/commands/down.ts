/**
 * `mesh down`. Owns: asking the supervisor to stop, and what is done when it is gone or does not answer. Does not own:
 * the order in which things stop (supervisor/supervise.ts).
 */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Settings } from '../../config/settings.ts';
import { declare, settingsNow } from '../command.ts';
import { isPortFree } from '../supervisor/home.ts';
import { stopLeftovers } from '../supervisor/leftovers.ts';
import { isAlive, signalGroup } from '../supervisor/process-mark.ts';
import { liveness, livingRecord, type RunState, readRunState } from '../supervisor/run-state.ts';
import { natsName } from '../supervisor/services.ts';
import { NATS_STOP_MS, SERVICE_STOP_MS } from '../supervisor/supervise.ts';
import { takeTurn } from '../supervisor/turn.ts';
import { isOverruled, makeWish } from '../supervisor/wish.ts';
import { note, print } from '../terminal.ts';

/** Services, then nats-server, then a moment to write everything down. */
const SUPERVISOR_STOP_MS = SERVICE_STOP_MS + NATS_STOP_MS + 5000;
const POLL_MS = 40;

export function command(): Command {
  return declare({
    name: 'down',
    group: 'Mesh',
    summary: 'stop everything on this machine',
    details:
      'Services finish their step and commit, then the nats-server stops. Tasks under way go on at the next `mesh up`; until then their deadlines and time-outs stand still.',
    examples: [
      ['down', 'stop what runs; says so when nothing does'],
      ['up --detach', 'start it again'],
    ],
  }).action(() => down(settingsNow()));
}

async function down(settings: Settings): Promise<void> {
  const home = settings.MESH_HOME;
  if (!existsSync(home)) return print('The mesh is not running.');
  const wish = makeWish(home, 'down');
  const turn = await takeTurn(home, (text) => note(text));
  try {
    if (isOverruled(home, wish)) return print('A `mesh up` or `mesh run` that came later keeps the mesh up.');
    await stopNow(settings);
  } finally {
    turn.end();
  }
}

async function stopNow(settings: Settings): Promise<void> {
  await recordBack(settings);
  const now = liveness(readRunState(settings));
  switch (now.kind) {
    case 'down':
      return print('The mesh is not running.');
    case 'leftovers':
      await stopLeftovers(now.processes, natsName);
      return print(`Stopped what a supervisor that is gone left behind: ${names(now.processes)}.`);
    case 'up':
      return stopSupervisor(settings, now.state);
    default:
      throw new Error(`unhandled: ${String(now satisfies never)}`);
  }
}

/** A supervisor whose record was removed writes it again within a second or two. */
async function recordBack(settings: Settings): Promise<void> {
  if (readRunState(settings) !== null || settings.NATS_URL !== undefined) return;
  if (!(await isPortFree(settings.MESH_NATS_PORT))) await livingRecord(settings);
}

async function stopSupervisor(settings: Settings, before: RunState): Promise<void> {
  const { supervisor } = before;
  const running = new Set(before.services.filter((one) => one.process !== null).map((one) => one.name));
  process.kill(supervisor.pid, 'SIGTERM');
  // One that was stopped hears nothing until it goes on.
  process.kill(supervisor.pid, 'SIGCONT');
  const deadline = Date.now() + SUPERVISOR_STOP_MS;
  const report = (): void => {
    const state = readRunState(settings);
    // nats-server is the last to stop: between two looks both may have stopped.
    const inOrder = [...(state?.services ?? [])].sort(
      (a, b) => Number(a.name === natsName) - Number(b.name === natsName),
    );
    for (const one of inOrder) {
      if (one.process === null && running.delete(one.name)) print(`${one.name} stopped`);
    }
  };
  while (isAlive(supervisor) && Date.now() < deadline) {
    report();
    await sleep(POLL_MS);
  }
  report();
  if (isAlive(supervisor)) signalGroup(supervisor.pid, 'SIGKILL');
  const after = liveness(readRunState(settings));
  if (after.kind === 'leftovers') {
    await stopLeftovers(after.processes, natsName);
    print(
      `The supervisor did not stop in ${SUPERVISOR_STOP_MS / 1000} s and was ended, and with it ${names(after.processes)}.`,
    );
  }
  print('The mesh is down.');
}

function names(services: readonly { readonly name: string }[]): string {
  return services.map((one) => one.name).join(', ');
}
