/**
 * Cuts the power of a mesh under load, on real file systems, again and again: of the disk with the ledgers, of the one
 * with the log, and of both at once. Owns: the rounds and the verdict. Does not own: the disk, the load, the processes.
 *
 *   node tests/power-loss/main.ts --rounds 6
 *
 * Needs root, loop devices, mkfs.ext4 and mkfs.xfs. Ends with 1 when something that was told is lost, or a deed was done
 * twice; with 2 when this machine cannot do it.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { scriptOptions } from '../../cli/script-options.ts';
import { exitWhenWritten } from '../../cli/written.ts';
import { freezeProcess } from '../support/kill.ts';
import { Mesh } from '../support/mesh.ts';
import { PowerLossDisk } from './disk.ts';
import { startLoad } from './load.ts';

const losses = [['ledger', 'log'], ['ledger'], ['log']] as const;
const CALLERS = 8;
/** Under load before the power is cut, milliseconds; another time in each round. */
const ROUND_MS = [1500, 4000, 2500, 6000];

const { values } = await scriptOptions({ options: { rounds: { type: 'string', default: '6' } } });
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) {
  process.stderr.write('--rounds is a whole number from 1\n');
  process.exit(2);
}

function openDisk(): PowerLossDisk {
  try {
    return PowerLossDisk.open();
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    process.stderr.write(
      `the power of a disk cannot be cut here: ${said}\nroot, loop devices, xfsprogs and e2fsprogs are needed\n`,
    );
    process.exit(2);
  }
}

const disk = openDisk();
for (const name of ['ledger', 'log']) mkdirSync(join(disk.folder, name));
const mesh = await Mesh.open('power-loss', {
  env: { CHECKPOINT_DB_PATH: join(disk.folder, 'ledger', 'agents.db') },
  natsStore: join(disk.folder, 'log', 'store'),
});

/** Everything stands still, the disk is copied, and everything is gone. */
async function cut(): Promise<void> {
  const pids = [mesh.nats.pid, ...mesh.services.map(({ life }) => life.pid)];
  await Promise.all(pids.map(freezeProcess));
  disk.cutPower();
  await Promise.all([mesh.nats.kill(), ...mesh.services.map((service) => service.down())]);
}

async function run(): Promise<boolean> {
  let good = true;
  for (let round = 0; round < rounds; round += 1) {
    const lost = losses[round % losses.length] ?? losses[0];
    const load = startLoad(mesh, `/power/${round}`, CALLERS);
    await load.forMs(ROUND_MS[round % ROUND_MS.length] ?? 1000);
    await cut();
    const told = load.told();
    disk.restore(lost);
    await mesh.nats.start();
    await mesh.followAnew();
    await Promise.all(mesh.services.map((service) => service.start()));
    await load.finish();
    const verdict = load.judge(told);
    const said = mesh.services.flatMap(({ life, name }) =>
      life.lines.filter(({ level }) => level === 'error').map(({ msg }) => `${name}: ${msg}`),
    );
    process.stdout.write(`${JSON.stringify({ round, lost, ...verdict, said: [...new Set(said)] })}\n`);
    good &&= verdict.forgotten.length + verdict.changed.length + verdict.twice.length + verdict.open.length === 0;
  }
  return good;
}

let good = false;
try {
  good = await run();
} finally {
  await mesh.close({ keepLogs: !good });
  disk.close();
}
await exitWhenWritten(good ? 0 : 1);
