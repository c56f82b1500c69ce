/**
 * `mesh status`. Owns: what runs here (run.json) beside what the mesh says of itself (registry). Does not own: either.
 */
import type { Command } from 'commander';
import { type Heartbeat, livingServices } from '../../bus/registry.ts';
import { natsUrl, type Settings } from '../../config/settings.ts';
import { declare, settingsNow } from '../command.ts';
import { dashboardUrl } from '../dashboard-url.ts';
import { toFailure } from '../errors.ts';
import { withBus } from '../mesh-client.ts';
import { modeLine, type ObsState, readObservability } from '../obs-state.ts';
import { statusLines } from '../status-view.ts';
import { type Liveness, liveness, type RunState, readRunState } from '../supervisor/run-state.ts';
import { columns, duration, out, type Paint, painter, plural, print, printJson } from '../terminal.ts';

export function command(): Command {
  return declare({
    name: 'status',
    group: 'Mesh',
    summary: 'show what runs',
    details: 'Exit code 0 when the mesh is up, 3 when it is not.',
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
  /** Why the mesh could not be asked. */
  readonly problem: string | null;
}

async function ask(settings: Settings): Promise<Seen> {
  try {
    return await withBus(settings, async (bus) => {
      await bus.ensureTopology();
      const log = await bus.streamInfo();
      const quarantine = await bus.streamInfo('quarantine');
      return {
        services: await livingServices(bus),
        log: { firstSeq: log.firstSeq, lastSeq: log.lastSeq },
        quarantined: quarantine.lastSeq - quarantine.firstSeq + 1,
        serverVersion: bus.serverVersion,
        observability: await readObservability(bus, settings.OBS_MODE),
        problem: null,
      };
    });
  } catch (error) {
    const { message, expected } = toFailure(error);
    if (!expected) throw error;
    return { services: [], log: null, quarantined: 0, serverVersion: null, observability: null, problem: message };
  }
}

async function status(settings: Settings, json: boolean): Promise<void> {
  const local = liveness(readRunState(settings));
  const seen = local.kind === 'up' || settings.NATS_URL !== undefined ? await ask(settings) : null;
  const up = local.kind === 'up' || (seen !== null && seen.services.length > 0);
  process.exitCode = up ? 0 : 3;
  if (json) return printJson(jsonOf(settings, local, seen, up));
  const paint = painter(out);
  for (const line of localLines(local, settings, paint)) print(line);
  for (const line of seenLines(local, seen, paint)) print(line);
  if (local.kind === 'up') print(`Dashboard: ${dashboardUrl(settings)} (\`mesh open\`)`);
}

function jsonOf(settings: Settings, local: Liveness, seen: Seen | null, up: boolean): object {
  const state = local.kind === 'up' ? local.state : null;
  return {
    up,
    state: state?.state ?? 'down',
    home: settings.MESH_HOME,
    natsUrl: state?.natsUrl ?? natsUrl(settings),
    dashboard: state === null ? null : dashboardUrl(settings),
    natsVersion: seen?.serverVersion ?? null,
    supervisor: state === null ? null : { pid: state.supervisor.pid, startedAt: state.startedAt },
    processes: state?.services.map(({ process, ...one }) => ({ ...one, pid: process?.pid ?? null })) ?? [],
    leftovers: local.kind === 'leftovers' ? local.processes.map((one) => one.name) : [],
    services: seen?.services ?? [],
    log: seen?.log ?? null,
    quarantined: seen?.quarantined ?? null,
    observability: observabilityOf(seen),
    problem: seen?.problem ?? null,
  };
}

function observabilityOf(seen: Seen | null): object | null {
  const state = seen?.observability ?? null;
  return state === null ? null : { mode: state.mode, window: state.window };
}

function localLines(local: Liveness, settings: Settings, paint: Paint): string[] {
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
      return upLines(local.state, paint);
    default:
      throw new Error(`unhandled: ${String(local satisfies never)}`);
  }
}

function upLines(state: RunState, paint: Paint): string[] {
  const age = duration(Date.now() - Date.parse(state.startedAt));
  return [
    `${paint('bold', `The mesh is ${state.state === 'ready' ? 'up' : state.state}`)}, for ${age}, on ${state.natsUrl}`,
  ];
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
      seen.quarantined > 0 ? `; ${paint('yellow', `${seen.quarantined} in quarantine`)} (\`mesh quarantine ls\`)` : '';
    lines.push(`Log: ${plural(count, 'event')}, nats-server ${seen.serverVersion}${poison}`);
  }
  if (seen?.observability != null) lines.push(modeLine(seen.observability, paint));
  return lines;
}
