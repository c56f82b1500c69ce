/**
 * A journal over the bus in memory and the simulated disk, on a fake clock. Owns: both stores, each behind a door, and
 * what the journal told. Does not own: what records are about.
 */
import type { FatalError } from '../../../../actors/runtime/errors.ts';
import { createJournal, type Journal } from '../../../../actors/runtime/journal/journal.ts';
import { decodeRecord, type Entry, type RecordHead } from '../../../../actors/runtime/journal/record.ts';
import type { Ledger } from '../../../../actors/runtime/ledger/port.ts';
import { defaultLimits, type RuntimeLimits } from '../../../../actors/runtime/limits.ts';
import { createMemoryBus, createMemoryLog, type MemoryBus, type MemoryLog } from '../../../../bus/memory-bus.ts';
import { type Bus, BusError } from '../../../../bus/port.ts';
import { journalSubject } from '../../../../schemas/events/subjects.ts';
import type { Disk } from '../../../../simulation/disk.ts';
import { bent, type Certainty, certainty, type Door, door } from './bent-bus.ts';
import { eagerDisk } from './eager-disk.ts';
import { eventOf, idOf } from './events.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { headAt, inputOf } from './records.ts';

export interface JournalBench {
  readonly clock: FakeClock;
  readonly log: MemoryLog;
  readonly bus: MemoryBus;
  readonly disk: Disk;
  readonly ledger: Ledger;
  readonly journal: Journal;
  readonly logDoor: Door;
  readonly diskDoor: Door;
  readonly witness: Certainty;
  /** `<partition>.<n>`, in order. */
  readonly told: string[];
  readonly sealed: string[];
  readonly refused: (RecordHead | null)[];
  readonly fatal: FatalError[];
  /** What each store was given of the records as zstd made them, in order. */
  readonly zstd: Readonly<Record<'ledger' | 'log', (Uint8Array | undefined)[]>>;
  /** Acknowledgements that get lost from now on. */
  ackLosses: number;
  /** Bodies that the log has of a partition. */
  inLog(partition?: number): Promise<string[]>;
  inLedger(partition?: number): string[];
}

const decoder = new TextDecoder();

export async function openJournal(
  limits: Partial<RuntimeLimits> = {},
  { zstdOf, ...logOptions }: { duplicateBeforeConflict?: boolean; zstdOf?: Bus['zstdOf'] } = {},
): Promise<JournalBench> {
  const clock = createFakeClock();
  const log = createMemoryLog({ now: () => clock.now(), ...logOptions });
  const bus = createMemoryBus(log);
  await bus.ensureTopology();
  const disk = eagerDisk();
  const ledger = disk.open();
  const [logDoor, diskDoor] = [door(), door()];
  const witness = certainty();
  const zstd: JournalBench['zstd'] = { ledger: [], log: [] };
  const publish: Bus['publish'] = async (request) => {
    await logDoor.passed;
    zstd.log.push(request.zstd);
    const ack = await bus.publish(request);
    if (bench.ackLosses === 0) return ack;
    bench.ackLosses -= 1;
    throw new BusError('unavailable', 'the acknowledgement was lost');
  };
  const seen = { told: [] as string[], sealed: [] as string[], refused: [] as (RecordHead | null)[] };
  const fatal: FatalError[] = [];
  const journal = createJournal({
    ...{
      service: 'tests',
      bus: bent(bus, { publish, ...(zstdOf && { zstdOf }) }),
      clock,
      limits: { ...defaultLimits, ...limits },
    },
    ledger: {
      commit: async (batch) => {
        await diskDoor.passed;
        zstd.ledger.push(...batch.records.map((record) => record.zstd));
        await ledger.commit(batch);
      },
    },
    ...{ at: () => undefined, whenCertain: witness.whenCertain },
    headOf: ({ partition, n, previous }) => headAt(n, { partition, previous }),
    onSealed: (partition, n) => void seen.sealed.push(`${partition}.${n}`),
    onTold: (partition, n) => void seen.told.push(`${partition}.${n}`),
    onRefused(partition, other) {
      seen.refused.push(other);
      journal.close(partition);
    },
    ...{
      beforeCommit: () => undefined,
      checkpoints: () => [],
      onStrays: () => undefined,
      onFatal: (error) => void fatal.push(error),
    },
  });
  journal.open(0, { n: 0, id: '', seq: 0, idInLog: '' });
  const bench: JournalBench = {
    ...{ clock, log, bus, disk, ledger, journal, logDoor, diskDoor, witness, ...seen, fatal, zstd, ackLosses: 0 },
    async inLog(partition = 0) {
      const bodies: string[] = [];
      const onMessage = ({ data }: { data: Uint8Array }) => void bodies.push(decoder.decode(data));
      const reader = await bus.read({ filter: journalSubject('tests', partition), fromSeq: 1, onMessage });
      await reader.caughtUp;
      await reader.stop();
      return bodies;
    },
    inLedger: (partition = 0) => [...ledger.records(partition, 1)].map(({ body }) => decoder.decode(body)),
  };
  return bench;
}

/** An input that says something. */
export function entry(text: string, caused = 0): Entry {
  const event = (id: string) => eventOf('task.submitted', { prompt: text }, { id: idOf(`${text}/${id}`) });
  const said = Array.from({ length: caused }, (_, at) => event(`caused ${at}`));
  return { input: inputOf(event('input'), 'orchestrator'), caused: said };
}

/** What the inputs of a record say. */
export function textsIn(body: string): string[] {
  return decodeRecord(Buffer.from(body)).inputs.map((input) =>
    input.kind === 'event' ? (input.event.data as { prompt: string }).prompt : input.message.code,
  );
}
