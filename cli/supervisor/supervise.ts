/**
 * The supervisor: everything that runs on this machine. Owns: the order of starting and stopping, run.json, and what is
 * reported. Does not own: a single process (managed-process.ts), or how it got into the background (launch.ts).
 *
 * Order of starting: lock, leftovers of a supervisor that was killed, nats-server, and beside it all services together:
 * they load while it starts, and wait for it longer than it has time.
 * Order of stopping: all services together, so that each finishes its step and commits, then nats-server.
 */
import type { AddedRole } from '../../bus/identities.ts';
import { natsAccess, seedPath } from '../../config/nats-access.ts';
import { blankSecrets, meshConfigPath, meshFolder, natsUrl, type Settings, shownUrl } from '../../config/settings.ts';
import type { OwnMesh } from '../../sdk/load-mesh.ts';
import { findAddedRoles } from '../../services/adapters/added-roles.ts';
import { type Service, supervisedServices } from '../../services/table.ts';
import { CliError, type ExitCode, fileProblem } from '../errors.ts';
import { writeNatsConfig } from '../nats-config.ts';
import { provideNatsServer } from '../nats-server.ts';
import { diskProblem } from './disk.ts';
import { needsFirstIndex, runFirstIndex, runIndex } from './first-index.ts';
import { answers, isPortFree, prepareHome } from './home.ts';
import { stopLeftovers } from './leftovers.ts';
import { type SupervisorLock, takeLock } from './lock.ts';
import { startKeeper } from './log-keeper.ts';
import { type LogLine, parseNatsLine, parseServiceLine } from './log-line.ts';
import { logServerStores, watchHealth } from './log-server-health.ts';
import { ManagedProcess, type ProcessListener, type ProcessSpec } from './managed-process.ts';
import type { Taken } from './own-folder.ts';
import { partsOf } from './own-parts.ts';
import { identityOf } from './process-mark.ts';
import { keepRecord, lockPath } from './record-keeper.ts';
import { liveness, livingRecord, type RunState, readRunState, runStateText, writeRunState } from './run-state.ts';
import { logPath, natsName, nodeArgs, PROGRESS_MESSAGE, READY_MESSAGE, serviceEnv } from './services.ts';

/**
 * Time a start may take once everything is installed, or go without getting further: a healthy one takes two seconds,
 * one that folds or publishes a long log again says how far it is.
 */
const START_DEADLINE_MS = 30_000;
/** A service that died this often before it was ever ready will not become so by another try. */
const START_ATTEMPTS_MAX = 5;
/** A service finishes its step and commits; what takes longer is cut off and resumes from its ledger. */
export const SERVICE_STOP_MS = 10_000;
/** nats-server flushes its stores. */
export const NATS_STOP_MS = 5000;

export interface SupervisorOutput {
  /** Something worth telling while it starts or stops. */
  note(text: string): void;
  /** A line of a process. */
  line(name: string, line: LogLine): void;
  /** It is on record as starting: from now on a stop finds it. */
  begun(): void;
}

export interface Supervisor {
  readonly state: RunState;
  stop(): Promise<void>;
  /** Starts services again that are to take what was edited. */
  take(edits: Taken): Promise<void>;
  /** Ends everything at once. */
  kill(): void;
}

/** What a program that embeds the mesh does itself: it hosts the services, so none is started. */
export interface Embedding {
  /** Roles beside those that ship. */
  readonly addedRoles: readonly AddedRole[];
}

interface Run {
  readonly settings: Settings;
  readonly embedding: Embedding | null;
  readonly output: SupervisorOutput;
  readonly interrupted: AbortSignal;
  readonly processes: ManagedProcess[];
  state: Omit<RunState, 'services'>;
  /** When a service last said that its start gets further, milliseconds since the epoch. */
  progressAtMs: number;
  /** Woken at every change of a process. */
  changed: () => void;
  /** The log server gets to know roles that were not there at its start; of a server of the user's they have all rights. */
  admit: (roles: readonly AddedRole[]) => void;
  /** Ends the watch over the log server. */
  endHealth: () => void;
  /** Ends the keeper of its streams. */
  endKeeper: () => Promise<void>;
  /** Ends the first indexing, and waits for its end. */
  endIndex: () => Promise<void>;
}

/**
 * Resolves when everything is ready; null when another supervisor holds this MESH_HOME.
 * @param interrupted gives the start up; what was started is stopped in order
 * @throws CliError
 */
export async function supervise(
  settings: Settings,
  foreground: boolean,
  output: SupervisorOutput,
  interrupted: AbortSignal,
  embedding: Embedding | null = null,
): Promise<Supervisor | null> {
  prepareHome(settings);
  const home = settings.MESH_HOME;
  const lock = await lockHome(settings, output);
  if (lock === null) return null;
  const self = identityOf(process.pid);
  if (self === null) throw new Error('this process has no start time');
  const run: Run = {
    ...{ settings, embedding, output, interrupted },
    processes: [],
    progressAtMs: 0,
    state: {
      version: 1,
      state: 'starting',
      supervisor: self,
      startedAt: new Date().toISOString(),
      natsUrl: shownUrl(natsUrl(settings)),
      foreground,
      problem: null,
    },
    changed: () => undefined,
    admit: () => undefined,
    endHealth: () => undefined,
    endKeeper: () => Promise.resolve(),
    endIndex: () => Promise.resolve(),
  };
  save(run);
  const text = () => runStateText(snapshot(run));
  const keeper = keepRecord({ home, lock, text, save: () => writeRunState(home, snapshot(run)), note: output.note });
  output.begun();
  interrupted.addEventListener('abort', () => run.changed());
  try {
    await startAll(run);
  } catch (error) {
    await stopAll(run);
    enter(run, 'failed', error instanceof Error ? error.message : String(error));
    keeper.end();
    throw error;
  }
  enter(run, 'ready', null);
  return {
    get state() {
      return snapshot(run);
    },
    stop: async () => {
      enter(run, 'stopping', null);
      await stopAll(run);
      enter(run, 'stopped', null);
      keeper.end();
    },
    take: (edits) => take(run, edits),
    kill: () => {
      for (const one of run.processes) one.kill();
    },
  };
}

/**
 * The lock, with nothing left behind by an earlier supervisor; null when another one has this MESH_HOME. One whose lock
 * and record were removed has it too: its ports tell, and it writes its record again once the new lock is given back.
 * @throws CliError when the port of the log server is somebody else's
 */
async function lockHome(settings: Settings, output: SupervisorOutput): Promise<SupervisorLock | null> {
  const take = (): SupervisorLock | null => takeLock(lockPath(settings.MESH_HOME));
  const lock = take();
  if (lock === null) return null;
  if (liveness(readRunState(settings)).kind === 'up') {
    lock.release();
    return null;
  }
  await clearLeftovers(settings, output);
  const { NATS_URL, MESH_NATS_PORT, MESH_GRPC_PORT } = settings;
  if (await isPortFree(NATS_URL === undefined ? MESH_NATS_PORT : MESH_GRPC_PORT)) return lock;
  lock.release();
  if (await livingRecord(settings)) return null;
  // The gateway says itself what is wrong with its port.
  if (NATS_URL !== undefined) return take();
  const advice = 'set MESH_NATS_PORT to a free one, or NATS_URL to use that server';
  throw new CliError(2, `port ${MESH_NATS_PORT} is taken by another program; ${advice}`);
}

async function clearLeftovers(settings: Settings, output: SupervisorOutput): Promise<void> {
  const before = liveness(readRunState(settings));
  if (before.kind !== 'leftovers') return;
  output.note(`stopping what an earlier mesh left behind: ${before.processes.map((one) => one.name).join(', ')}`);
  await stopLeftovers(before.processes, natsName);
}

/** Each stops in order and comes back with what it loads then; tasks go on. */
async function take(run: Run, { services, roles, index }: Taken): Promise<void> {
  if (roles !== null) run.admit(roles);
  for (const one of run.processes) if (services.includes(one.spec.name)) one.renew('takes what was edited');
  if (index === null) return;
  const problem = await beginIndex(run, (signal) => runIndex(index, run.output.note, signal));
  if (problem !== null) run.output.note(`the knowledge base is not complete: ${problem}`);
}

function snapshot(run: Run): RunState {
  return { ...run.state, services: run.processes.map((one) => one.record()) };
}

/** A full disk must not end the mesh: the record is late then, and the next change writes it. */
function save(run: Run): void {
  try {
    writeRunState(run.settings.MESH_HOME, snapshot(run));
  } catch (error) {
    const problem = fileProblem(error);
    if (problem === null) throw error;
    run.output.note(`run.json could not be written: ${problem}`);
  }
}

function enter(run: Run, state: RunState['state'], problem: string | null): void {
  run.state = { ...run.state, state, problem };
  save(run);
}

function add(run: Run, spec: ProcessSpec): ManagedProcess {
  const listener: ProcessListener = {
    onChange: (one) => {
      save(run);
      if (one.problem !== null && one.hasExited) announce(run, one);
      if (one.state === 'ready')
        for (const other of run.processes) if (other.spec.needs === one) other.startIfWaiting();
      run.changed();
    },
    onLine: (one, line) => {
      if (line.message === PROGRESS_MESSAGE) run.progressAtMs = Date.now();
      run.output.line(one.spec.name, line);
    },
  };
  const created = new ManagedProcess(spec, listener);
  run.processes.push(created);
  return created;
}

function announce(run: Run, one: ManagedProcess): void {
  // A start that fails for it says so itself.
  if (one.state === 'failed' && run.state.state === 'starting') return;
  const next = one.state === 'failed' ? 'not started again until `mesh down` and `mesh up`' : 'starting it again';
  run.output.note(`${one.spec.name} ${one.problem}; ${next}`);
}

/** What the user's own mesh brings; null where there is none. @throws SettingsError for a config with a mistake */
async function readOwnMesh(): Promise<OwnMesh | null> {
  if (meshConfigPath() === null) return null;
  const { ownMesh } = await import('../../services/adapters/own-mesh.ts');
  return ownMesh();
}

async function startAll(run: Run): Promise<void> {
  if (run.embedding !== null) return startLogServer(run);
  const own = await readOwnMesh();
  if (own !== null) run.state = { ...run.state, own: partsOf(own) };
  const nats = run.settings.NATS_URL === undefined ? await startNats(run) : await checkNats(run.settings.NATS_URL);
  for (const service of supervisedServices) add(run, serviceSpec(run.settings, service, nats)).start(true);
  const index = (await needsFirstIndex(run.settings))
    ? beginIndex(run, (signal) => runFirstIndex(own?.knowledge ?? null, run.output.note, signal))
    : null;
  if (nats !== undefined) await natsReady(run, nats);
  await allReady(run, run.processes);
  const problem = await index;
  if (problem !== null) run.output.note(`the knowledge base is not complete: ${problem}; \`mesh index\` does it again`);
}

/** All that a program with services of its own needs. */
async function startLogServer(run: Run): Promise<void> {
  const nats = run.settings.NATS_URL === undefined ? await startNats(run) : await checkNats(run.settings.NATS_URL);
  if (nats !== undefined) await natsReady(run, nats);
}

function beginIndex(run: Run, begin: (signal: AbortSignal) => Promise<string | null>): Promise<string | null> {
  const end = new AbortController();
  const index = begin(end.signal);
  run.endIndex = async () => {
    end.abort();
    await index;
  };
  return index;
}

async function checkNats(url: string): Promise<undefined> {
  if (await answers(url)) return undefined;
  throw new CliError(
    3,
    `no NATS server answers at NATS_URL=${shownUrl(url)}; start it, or unset NATS_URL to use one of the mesh's own`,
  );
}

async function startNats(run: Run): Promise<ManagedProcess> {
  const { settings, output } = run;
  // Loaded beside the search: the first two services need it in a moment.
  const keys = import('../nats-keys.ts');
  const binary = await provideNatsServer(settings, output.note);
  const { ensureNatsKeys } = await keys;
  const addedRoles = run.embedding?.addedRoles ?? (await findAddedRoles());
  const publicKeys = ensureNatsKeys((identity) => seedPath(settings.MESH_HOME, identity));
  const configFor = (roles: readonly AddedRole[]): string =>
    writeNatsConfig(settings, binary.version, publicKeys, roles);
  const nats = add(run, {
    name: natsName,
    command: binary.path,
    args: ['--config', configFor(addedRoles)],
    env: { ...process.env, ...blankSecrets([]) },
    cwd: meshFolder(),
    logPath: logPath(settings, natsName),
    parse: parseNatsLine,
    isReady: (line) => line.message === 'Server is ready',
    stopMs: NATS_STOP_MS,
  });
  run.admit = (roles) => {
    configFor(roles);
    nats.reload();
  };
  nats.start();
  run.endKeeper = startKeeper(settings);
  return nats;
}

async function natsReady(run: Run, nats: ManagedProcess): Promise<void> {
  await allReady(run, [nats]);
  const { seed } = natsAccess(run.settings, 'keeper');
  let told = false;
  run.endHealth = watchHealth(
    // One that is being started again is not judged.
    () => (nats.state === 'ready' ? logServerStores(run.settings.MESH_NATS_PORT, { seed }) : Promise.resolve(true)),
    () => {
      const disk = diskProblem(run.settings);
      if (disk === null || disk.kind === 'low') {
        told = false;
        nats.replace('stores nothing any more');
      } else if (!told) {
        // A server that is started on such a disk comes without its store.
        told = true;
        run.output.note(disk.text);
      }
    },
  );
}

function serviceSpec(settings: Settings, service: Service, nats: ManagedProcess | undefined): ProcessSpec {
  return {
    name: service.name,
    command: process.execPath,
    args: nodeArgs(service, settings),
    env: { ...process.env, ...serviceEnv(service, settings) },
    niceness: service.niceness,
    cwd: meshFolder(),
    logPath: logPath(settings, service.name),
    parse: parseServiceLine,
    isReady: (line) => line.message === READY_MESSAGE,
    stopMs: SERVICE_STOP_MS,
    silentMaxMs: settings.MESH_SILENT_MAX_MS,
    ...(nats === undefined ? {} : { needs: nats }),
  };
}

/** Waits until all are ready. A configuration error or a missing dependency ends the start at once. */
async function allReady(run: Run, wanted: readonly ManagedProcess[]): Promise<void> {
  const beganMs = Date.now();
  for (;;) {
    if (run.interrupted.aborted) throw new CliError(1, 'interrupted before everything was ready');
    const broken = wanted.find(
      (one) =>
        one.state === 'failed' ||
        (one.hasExited && (one.exitCode === 3 || one.record().restarts >= START_ATTEMPTS_MAX)),
    );
    if (broken !== undefined) throw startFailure(run.settings, broken, broken.problem ?? 'failed');
    const slow = wanted.find((one) => one.state !== 'ready');
    if (slow === undefined) return;
    const leftMs = Math.max(beganMs, run.progressAtMs) + START_DEADLINE_MS - Date.now();
    if (leftMs <= 0)
      throw startFailure(run.settings, slow, `was not ready, and got no further for ${START_DEADLINE_MS / 1000} s`);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, leftMs);
      run.changed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function startFailure(settings: Settings, one: ManagedProcess, why: string): CliError {
  const exitCode: ExitCode = one.exitCode === 2 || one.exitCode === 3 ? one.exitCode : 1;
  const log = logPath(settings, one.spec.name);
  // What a process knows about its end is the whole message; what came before it helps only where nobody knows.
  if (one.reason !== null && exitCode !== 1) return new CliError(exitCode, `${one.spec.name}: ${one.reason}`);
  const details = one.lastLines.map((raw) => {
    const { message, fields } = one.spec.parse(raw);
    return [message, fields].filter((part) => part !== '').join(' ');
  });
  return new CliError(exitCode, `${one.spec.name} ${why} (its log: ${log})`, { details });
}

async function stopAll(run: Run): Promise<void> {
  run.endHealth();
  await run.endIndex();
  const [nats, others] = [
    run.processes.filter((one) => one.spec.name === natsName),
    run.processes.filter((one) => one.spec.name !== natsName),
  ];
  for (const group of [others, nats]) {
    if (group === nats) await run.endKeeper();
    await Promise.all(
      group.map(async (one) => {
        const how = await one.stop();
        if (how === 'killed')
          run.output.note(`${one.spec.name} did not stop in ${one.spec.stopMs / 1000} s and was killed`);
        if (how === 'stopped') run.output.note(`${one.spec.name} stopped`);
      }),
    );
  }
}
