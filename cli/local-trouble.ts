/**
 * What is wrong with a mesh on this machine, seen from outside of it. Owns: looking at the supervisor, its processes,
 * their ledgers and the disks, and the words for what is found, with what to do. Does not own: what the mesh says of
 * itself (`status-view.ts`), or the record (`supervisor/run-state.ts`).
 *
 * Nothing here is taken from the record alone: it is what a supervisor wrote last, and that may be long ago.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { seedPath } from '../config/nats-access.ts';
import { ledgerPath, type Settings } from '../config/settings.ts';
import { serviceNamed } from '../services/table.ts';
import { natsConfigPath } from './nats-config.ts';
import { diskProblem } from './supervisor/disk.ts';
import { LOG_SERVER_BROKEN_MS } from './supervisor/log-server-health.ts';
import { isAlive, isStopped } from './supervisor/process-mark.ts';
import { type Liveness, type RunState, runStatePath } from './supervisor/run-state.ts';
import { duration } from './terminal.ts';

export interface Trouble {
  /** `fails`: tasks do not go on; `limits`: they do. */
  readonly kind: 'fails' | 'limits';
  /** One line. */
  readonly text: string;
}

/** A supervisor looks after its record every second; a busy machine makes it late. */
const SUPERVISOR_SILENT_MS = 15_000;

/** Why nothing is supervised although the supervisor's process lives, or null. */
export function supervisorTrouble(settings: Settings, { supervisor }: RunState): string | null {
  const { pid } = supervisor;
  if (isStopped(pid))
    return `the supervisor (process ${pid}) is stopped and looks after nothing: \`kill -CONT ${pid}\` lets it go on, \`mesh down\` ends it`;
  const record = statSync(runStatePath(settings.MESH_HOME), { throwIfNoEntry: false });
  const silentMs = record === undefined ? 0 : Date.now() - record.mtimeMs;
  if (silentMs < SUPERVISOR_SILENT_MS || diskProblem(settings)?.kind === 'read-only') return null;
  return `the supervisor (process ${pid}) has been silent for ${duration(silentMs)} and looks after nothing: \`mesh down\` ends it, \`mesh up\` starts anew`;
}

export function localTrouble(settings: Settings, local: Liveness): Trouble[] {
  const found: Trouble[] = [];
  const disk = diskProblem(settings);
  if (disk !== null) found.push({ kind: disk.kind === 'low' ? 'limits' : 'fails', text: disk.text });
  if (local.kind !== 'up') return found;
  const keys = keysTrouble(settings);
  if (keys !== null) found.push({ kind: 'fails', text: keys });
  const supervisor = supervisorTrouble(settings, local.state);
  if (supervisor !== null) found.push({ kind: 'fails', text: supervisor });
  for (const one of local.state.services) {
    const problem = processTrouble(settings, one, supervisor !== null);
    if (problem !== null) found.push({ kind: 'fails', text: problem });
  }
  return found;
}

/** Why nothing can connect any more, and what runs cannot do so again; or null. */
export function keysTrouble(settings: Settings): string | null {
  if (settings.NATS_URL !== undefined || existsSync(seedPath(settings.MESH_HOME, 'owner'))) return null;
  const config = natsConfigPath(settings.MESH_HOME);
  // A server that an earlier release started asks nobody who they are.
  if (!existsSync(config) || !readFileSync(config, 'utf8').includes('nkey:')) return null;
  const folder = dirname(seedPath(settings.MESH_HOME, 'owner'));
  return `the keys of the mesh's own nats-server were removed while it runs (${folder}): \`mesh down\` and \`mesh up\` make new ones`;
}

function processTrouble(settings: Settings, one: RunState['services'][number], alone: boolean): string | null {
  const { name, process: own } = one;
  if (own === null) return null;
  if (!isAlive(own)) {
    const next = alone ? 'nobody starts it again' : 'it is being started again';
    return `${name} (process ${own.pid}) has ended, and ${next}`;
  }
  if (isStopped(own.pid)) {
    // The log server beats to nobody: it is asked, and ended when it has stored nothing three times.
    const afterMs = name === 'nats' ? LOG_SERVER_BROKEN_MS : settings.MESH_SILENT_MAX_MS;
    const next = alone ? 'nobody ends it:' : `it is ended and started again after ${duration(afterMs)}, or`;
    return `${name} (process ${own.pid}) is stopped: ${next} \`kill -CONT ${own.pid}\` lets it go on`;
  }
  const isLost = serviceNamed(name)?.hasLedger && one.state === 'ready' && !existsSync(ledgerPath(settings, name));
  if (!isLost) return null;
  return `the ledger of ${name} was removed while it runs (${ledgerPath(settings, name)}): \`mesh down\` and \`mesh up\` make it anew from the log`;
}
