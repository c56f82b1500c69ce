/**
 * `mesh chaos`: strikes a private mesh under load and says what was lost. Owns: the run and its report. Does not own: the
 * strikes, the load, the processes.
 *
 * `--kills N` processes killed (300), `--seed S`, `--prompt "…"` and `--workflow W` for a task of your own, `--json`.
 * Exit code 0 when nothing was lost and nothing happened twice, 1 otherwise.
 */
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scriptOptions } from '../../cli/script-options.ts';
import { exitWhenWritten } from '../../cli/written.ts';
import { HostClock } from '../support/host-clock.ts';
import { Mesh } from '../support/mesh.ts';
import { mountFullDisk } from './full-disk.ts';
import { type Asked, startLoad } from './load.ts';
import { createRandom } from './random.ts';
import {
  createDecks,
  ensureFolder,
  type ProcessName,
  processes,
  STANDBY,
  strikeNamed,
  type Target,
  TWIN,
} from './strikes.ts';

const CALLERS = 6;
/** Between two strikes: some fall while a mesh still starts, some into full work. */
const PAUSE_MAX_MS = 2500;

const { values } = await scriptOptions({
  options: {
    kills: { type: 'string', default: '300' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    prompt: { type: 'string' },
    workflow: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const killsWanted = Number(values.kills);
const seed = Number(values.seed);
if (!Number.isInteger(killsWanted) || killsWanted < 1 || !Number.isInteger(seed)) {
  process.stderr.write('--kills and --seed are whole numbers\n');
  process.exit(2);
}
const say = (text: string): void => {
  if (!values.json) process.stderr.write(`${text}\n`);
};

const random = createRandom(seed);
const disk = mountFullDisk();
if (!disk) say('no small disk can be mounted here: the disk is not filled');
const mesh = await Mesh.open(`chaos-${seed}`, { services: [] });
const folder = disk?.folder ?? mesh.home;
/** A folder for each process, so that a name may be on any of them. */
const ledger = (name: ProcessName | typeof TWIN): string =>
  join(
    ensureFolder(join(folder, 'ledgers', name)),
    `${name === TWIN ? 'tools' : name === STANDBY ? 'agents' : name}.db`,
  );
const clocks = new Map(processes.map((name) => [name, new HostClock(mesh.home, name)]));
const decks = createDecks(random);
const target: Target = { mesh, random, disk, ledger, clocks, copies: join(mesh.home, 'copies'), decks };
for (const name of processes) {
  mesh.add(name === STANDBY ? 'agents' : name, name, {
    CHECKPOINT_DB_PATH: join(dirname(ledger(name)), 'agents.db'),
    MESH_HOST_ID: name === STANDBY ? 'standby' : 'chaos',
    ...clocks.get(name)?.env,
  });
}
mesh.add('tools', TWIN, { CHECKPOINT_DB_PATH: join(dirname(ledger(TWIN)), 'agents.db'), MESH_HOST_ID: 'chaos' });
const running = processes.map((name) => mesh.service(name));
await Promise.all(running.map((process) => process.start()));
const own =
  values.prompt === undefined
    ? null
    : { prompt: values.prompt, ...(values.workflow ? { workflow: values.workflow } : {}) };

async function run(): Promise<boolean> {
  // Numbers of its own: how many it takes depends on the machine, and the strikes of a seed should not.
  const load = startLoad({ mesh, random: createRandom(seed + 1), callers: CALLERS, own });

  let kills = 0;
  const counts: Record<string, number> = {};
  const rolledBack: Record<string, number> = {};
  const beganMs = performance.now();
  while (kills < killsWanted) {
    const name = decks.strikes.deal();
    counts[name] = (counts[name] ?? 0) + 1;
    const struck = await strikeNamed(name)(target);
    if (name === 'roll stores back') rolledBack[struck.what ?? ''] = (rolledBack[struck.what ?? ''] ?? 0) + 1;
    kills += struck.kills;
    if (struck.newLog) await mesh.followAnew();
    say(
      `${String(kills).padStart(4)} killed, ${load.asked.filter(({ ended }) => ended).length} tasks ended: ${name}${struck.what === undefined ? '' : ` (${struck.what})`}`,
    );
    await sleep(random.between(0, PAUSE_MAX_MS));
  }
  say('no more strikes; waiting for the tasks under way');
  await Promise.all(running.map((process) => process.ready()));
  await load.finish();

  const doubled = (task: Asked): boolean => task.path !== '' && mesh.counter.deeds(task.path) > 1;
  const startsMs = mesh.services.flatMap((service) => service.startTimes()).sort((a, b) => a - b);
  const lost = load.asked.filter(({ ended }) => !ended);
  const duplicated = load.asked.filter(doubled);
  const report = {
    seed,
    kills,
    tasks: load.asked.length,
    completed: load.asked.filter(({ outcome }) => outcome.status === 'task.completed').length,
    lost: lost.length,
    duplicatedEffects: duplicated.length,
    unknownOutcomes: load.asked.filter(({ unknown }) => unknown).length,
    recovery_p95_ms: Math.round(startsMs[Math.floor(startsMs.length * 0.95)] ?? 0),
    seconds: Math.round((performance.now() - beganMs) / 1000),
    strikes: counts,
    rolledBack,
    notDrawn: [...decks.strikes.left, ...decks.stores.left.map((stores) => `roll back ${stores.join(', ')}`)],
    slowdown: Math.round(mesh.slowdown * 10) / 10,
  };
  process.stdout.write(`${JSON.stringify(report, null, values.json ? 0 : 2)}\n`);
  for (const { id, kind, path } of [...lost, ...duplicated]) {
    say(`not as promised: ${id} (${kind})`);
    for (const { key, atMs } of mesh.counter.requests(path || '-')) say(`  asked at ${atMs} under ${key}`);
    for (const { name, event } of mesh.watch.facts(id))
      say(`  ${event.time} ${name} ${JSON.stringify(event.data).slice(0, 300)}`);
  }
  return lost.length + duplicated.length === 0;
}

let good = false;
try {
  good = await run();
} finally {
  await mesh.close({ keepLogs: !good });
  disk?.unmount();
}
if (!good) say(`the same plan again: mesh chaos --kills ${killsWanted} --seed ${seed}`);
await exitWhenWritten(good ? 0 : 1);
