/**
 * `mesh status`. Owns: what runs here (run.json) beside what the mesh says of itself (registry). Does not own: either.
 */

import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { assertStores } from '../../bus/stores.ts';
import { hasCredentials } from '../../config/nats-access.ts';
import { natsUrl, type Settings, shownUrl } from '../../config/settings.ts';
import { type Heartbeat, livingServices } from '../../registry/registry.ts';
import { serviceNamed } from '../../services/table.ts';
import { type ObsState, readObservability } from '../../telemetry/mode-bucket.ts';
import { askForSamples } from '../../telemetry/told-samples.ts';
import { hint } from '../called.ts';
import { declare, settingsNow } from '../command.ts';
import { dashboardUrl } from '../dashboard-url.ts';
import { toFailure } from '../errors.ts';
import { localTrouble } from '../local-trouble.ts';
import { withBus } from '../mesh-client.ts';
import { modeLine } from '../obs-state.ts';
import { statusLines } from '../status-view.ts';
import { isPortFree } from '../supervisor/home.ts';
import { type Liveness, liveness, livingRecord, type RunState, readRunState } from '../supervisor/run-state.ts';
import { type Loss, lossesIn, lossText } from '../telemetry-losses.ts';
import { columns, duration, out, type Paint, painter, plural, print, printJson } from '../terminal.ts';

export function command(): Command {
  return declare({
    name: 'status',
    group: 'Mesh',
    summary: 'show what runs',
    details:
      'Exit code 0 when the mesh works: its processes live and are ready, each was heard of in the last ten seconds, a message was stored and read back, and the disk takes what it is given. 3 otherwise. A clock that is off is told and changes no exit code: tasks do not depend on it.',
    examples: [
      ['status', 'services, memory and threads of their caps, backlog, breakers, what they offer'],
      ['status --json', 'for a program'],
    ],
  })
    .option('--json', 'print one JSON object')
    .action((options: { json?: true }) => status(settingsNow(), options.json === true));
}

interface Seen {
  readonly services: readonly Heartbeat[];
  readonly log: { readonly firstSeq: number; readonly lastSeq: number } | null;
  readonly quarantined: number;
  readonly serverVersion: string | null;
  readonly observability: ObsState | null;
  readonly lost: readonly Loss[];
  /** A message was stored and read back. */
  readonly stores: boolean;
  /** Why the mesh could not be asked. */
  readonly problem: string | null;
}

async function ask(settings: Settings): Promise<Seen> {
  try {
    return await withBus(settings, async (bus) => {
      await bus.ensureTopology();
      await assertStores(bus);
      const log = await bus.streamInfo();
      const quarantine = await bus.streamInfo('quarantine');
      const services = await livingServices(bus);
      return {
        services,
        log: { firstSeq: log.firstSeq, lastSeq: log.lastSeq },
        quarantined: quarantine.lastSeq - quarantine.firstSeq + 1,
        serverVersion: bus.serverVersion,
        observability: await readObservability(bus.kv('config'), settings.OBS_MODE),
        lost: lossesIn(await askForSamples(bus, services.length)),
        stores: true,
        problem: null,
      };
    });
  } catch (error) {
    const { message, expected } = toFailure(error);
    if (!expected) throw error;
    return {
      services: [],
      log: null,
      quarantined: 0,
      serverVersion: null,
      observability: null,
      lost: [],
      stores: false,
      problem: message,
    };
  }
}

async function status(settings: Settings, json: boolean): Promise<void> {
  const local = await localLiveness(settings);
  const trouble = localTrouble(settings, local);
  const seen = local.kind === 'up' || settings.NATS_URL !== undefined ? await ask(settings) : null;
  const up = local.kind === 'up' || (seen !== null && seen.services.length > 0);
  const isReady = up && works(local, seen) && !trouble.some(({ kind }) => kind === 'fails');
  process.exitCode = isReady ? 0 : 3;
  if (json) return printJson({ ...jsonOf(settings, local, seen, up), ready: isReady, trouble });
  const paint = painter(out);
  for (const line of localLines(local, settings, isReady, paint)) print(hint(line));
  for (const { kind, text } of trouble) print(`${paint(kind === 'fails' ? 'red' : 'yellow', '!')} ${hint(text)}`);
  const told = trouble.some(({ text }) => text === seen?.problem);
  for (const line of seenLines(local, seen === null || !told ? seen : { ...seen, problem: null }, paint)) print(line);
  if (seen !== null && !hasCredentials(settings))
    print(paint('dim', 'NATS is reached without credentials; see docs/nats-security.md'));
  if (local.kind === 'up') print(hint(`Dashboard: ${dashboardUrl(settings)} (\`mesh open\`)`));
}

/** A record that is not there although the port of its log server is taken: a living supervisor is about to write it again. */
async function localLiveness(settings: Settings): Promise<Liveness> {
  if (readRunState(settings) === null && settings.NATS_URL === undefined) {
    if (existsSync(settings.MESH_HOME) && !(await isPortFree(settings.MESH_NATS_PORT))) await livingRecord(settings);
  }
  return liveness(readRunState(settings));
}

/** Every process here is ready and was heard of lately, a message was stored and read back, and somebody takes tasks. */
function works(local: Liveness, seen: Seen | null): boolean {
  if (seen?.stores !== true) return false;
  if (!seen.services.some(({ roles, state }) => roles.includes('orchestrator') && state !== 'starting')) return false;
  if (local.kind !== 'up') return true;
  const { state, services } = local.state;
  const isHeard = (name: string, pid: number | undefined): boolean =>
    serviceNamed(name) === null || seen.services.some((one) => one.service === name && one.pid === pid);
  return state === 'ready' && services.every((one) => one.state === 'ready' && isHeard(one.name, one.process?.pid));
}

function jsonOf(settings: Settings, local: Liveness, seen: Seen | null, up: boolean): object {
  const state = local.kind === 'up' ? local.state : null;
  return {
    up,
    state: state?.state ?? 'down',
    home: settings.MESH_HOME,
    natsUrl: shownUrl(state?.natsUrl ?? natsUrl(settings)),
    dashboard: state === null ? null : dashboardUrl(settings),
    natsVersion: seen?.serverVersion ?? null,
    supervisor: state === null ? null : { pid: state.supervisor.pid, startedAt: state.startedAt },
    processes: state?.services.map(({ process, ...one }) => ({ ...one, pid: process?.pid ?? null })) ?? [],
    leftovers: local.kind === 'leftovers' ? local.processes.map((one) => one.name) : [],
    services: seen?.services ?? [],
    log: seen?.log ?? null,
    quarantined: seen?.quarantined ?? null,
    observability: observabilityOf(seen),
    telemetryLost: seen?.lost ?? [],
    problem: seen?.problem ?? null,
  };
}

function observabilityOf(seen: Seen | null): object | null {
  const state = seen?.observability ?? null;
  return state === null ? null : { mode: state.mode, window: state.window };
}

function localLines(local: Liveness, settings: Settings, isReady: boolean, paint: Paint): string[] {
  switch (local.kind) {
    case 'down':
      return settings.NATS_URL === undefined
        ? ['The mesh is down. Start it with `mesh up --detach`.']
        : ['Nothing runs on this machine. NATS_URL is set: services may run elsewhere.'];
    case 'leftovers': {
      const names = local.processes.map((one) => one.name).join(', ');
      return [`The supervisor is gone; it left behind: ${names}. \`mesh up\` starts anew, \`mesh down\` stops this.`];
    }
    case 'up':
      return upLines(local.state, isReady, paint);
    default:
      throw new Error(`unhandled: ${String(local satisfies never)}`);
  }
}

function upLines(state: RunState, isReady: boolean, paint: Paint): string[] {
  const age = duration(Date.now() - Date.parse(state.startedAt));
  const word = isReady ? 'up' : state.state === 'ready' ? 'up, but does not work' : state.state;
  return [`${paint('bold', `The mesh is ${word}`)}, for ${age}, on ${state.natsUrl}`];
}

function seenLines(local: Liveness, seen: Seen | null, paint: Paint): string[] {
  const records = local.kind === 'up' ? local.state.services : [];
  if (seen === null && records.length === 0) return [];
  const look = { width: columns(out), paint, nowMs: Date.now() };
  const lines = statusLines(records, seen?.services ?? [], look);
  if (seen?.problem != null) lines.push(`${paint('red', '!')} ${seen.problem}`);
  if (seen?.log != null) {
    const count = seen.log.lastSeq - seen.log.firstSeq + 1;
    const poison =
      seen.quarantined > 0
        ? hint(`; ${paint('yellow', `${seen.quarantined} in quarantine`)} (\`mesh quarantine ls\`)`)
        : '';
    lines.push(`Log: ${plural(count, 'event')}, nats-server ${seen.serverVersion}${poison}`);
  }
  if (seen?.observability != null) lines.push(modeLine(seen.observability, paint));
  const lost = lossText(seen?.lost ?? []);
  if (lost !== null) lines.push(`Telemetry: ${paint('yellow', lost)}`);
  return lines;
}
