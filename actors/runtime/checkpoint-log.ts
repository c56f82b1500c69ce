/**
 * Checkpoints in the log: what a host on another machine begins from when it takes a partition over. Owns: writing and
 * reading them. Does not own: when there is one, or what is in it; the ledger has the same.
 *
 * A checkpoint tells what has changed since the last one. When the changes weigh several times as much as the whole, the
 * whole is written, and what was before it is deleted. Both go in parts, since a message has a limit; a part counts when
 * the last one of its set is there.
 */
import type { Bus } from '../../bus/port.ts';
import { checkpointSubject } from '../../schemas/events/subjects.ts';
import type { Checkpoint, EndedTask, Ledger, TaskSnapshot } from './ledger/port.ts';

/** Characters of one part: half of what a server takes by default, since some letters take several bytes. */
const PART_MAX_CHARACTERS = 400_000;
/** The whole is written again when the changes since are so much larger than it was. */
const CHANGES_PER_WHOLE = 4;
const CHANGES_MIN_CHARACTERS = 1_000_000;

interface Part {
  readonly n: number;
  /** Where the log has that record; absent where that was not known, as in parts of earlier releases. */
  readonly seq?: number;
  /** A set that needs nothing before it. */
  readonly whole: boolean;
  readonly last: boolean;
  readonly tasks: readonly TaskSnapshot[];
  readonly ended: readonly EndedTask[];
  readonly unsent: string;
}

export interface CheckpointLog {
  /** Both stores have the records up to it. Resolves when it is stored. @throws BusError */
  write(checkpoint: Checkpoint): Promise<void>;
}

export function createCheckpointLog(options: {
  readonly service: string;
  readonly bus: Bus;
  readonly ledger: Pick<Ledger, 'checkpoint'>;
  /** Number of the last record that both stores have. */
  readonly told: (partition: number) => number;
  /** Where the log has a record; null when that is not known any more. */
  readonly recordSeq: (partition: number, n: number) => number | null;
  /** Of this process: two processes may have a checkpoint of the same record. */
  readonly process: string;
}): CheckpointLog {
  const { service, bus, ledger, process } = options;
  /** By partition, characters written: of the last whole, and of the changes since. */
  const written = new Map<number, { whole: number; changes: number }>();
  const lines = new Map<number, Promise<void>>();

  const publish = async (partition: number, parts: readonly Part[]): Promise<number> => {
    const subject = checkpointSubject(service, partition);
    let first = 0;
    for (const [index, part] of parts.entries()) {
      const msgId = `checkpoint.${service}.${partition}.${process}.${part.n}.${part.whole}.${index}`;
      const { seq } = await bus.publish({ subject, body: JSON.stringify(part), msgId });
      if (index === 0) first = seq;
    }
    return first;
  };
  const placeOf = ({ partition, n }: Checkpoint): { seq: number } | object => {
    const seq = options.recordSeq(partition, n);
    return seq === null ? {} : { seq };
  };
  const write = async (checkpoint: Checkpoint): Promise<void> => {
    const { partition } = checkpoint;
    const sizes = written.get(partition) ?? { whole: 0, changes: Number.POSITIVE_INFINITY };
    written.set(partition, sizes);
    if (sizes.changes > Math.max(CHANGES_MIN_CHARACTERS, sizes.whole * CHANGES_PER_WHOLE)) {
      const all = ledger.checkpoint(partition);
      // The ledger may be ahead by a checkpoint that the log does not carry yet.
      if (all === null || all.n > options.told(partition)) return tell(checkpoint, sizes);
      const parts = partsOf(all, true, placeOf(all));
      const firstSeq = await publish(partition, parts.parts);
      await bus.purge(checkpointSubject(service, partition), firstSeq, 'checkpoints');
      written.set(partition, { whole: parts.characters, changes: 0 });
      return;
    }
    await tell(checkpoint, sizes);
  };
  const tell = async (checkpoint: Checkpoint, sizes: { changes: number }): Promise<void> => {
    const parts = partsOf(checkpoint, false, placeOf(checkpoint));
    await publish(checkpoint.partition, parts.parts);
    sizes.changes += parts.characters;
  };
  return {
    write(checkpoint) {
      const before = lines.get(checkpoint.partition) ?? Promise.resolve();
      const after = before.catch(() => undefined).then(() => write(checkpoint));
      lines.set(checkpoint.partition, after);
      return after;
    },
  };
}

function partsOf(
  { tasks, ended, n, unsent }: Pick<Checkpoint, 'tasks' | 'ended' | 'n' | 'unsent'>,
  whole: boolean,
  place: { readonly seq?: number },
): { parts: Part[]; characters: number } {
  const groups: { tasks: TaskSnapshot[]; ended: EndedTask[] }[] = [{ tasks: [], ended: [] }];
  let size = 0;
  let characters = 0;
  const roomFor = (length: number): { tasks: TaskSnapshot[]; ended: EndedTask[] } => {
    characters += length;
    size += length;
    const open = groups.at(-1);
    if (open && size <= PART_MAX_CHARACTERS) return open;
    size = length;
    const group = { tasks: [], ended: [] };
    groups.push(group);
    return group;
  };
  for (const task of tasks) roomFor(task.body.length).tasks.push(task);
  for (const one of ended) roomFor(JSON.stringify(one).length).ended.push(one);
  // What was not sent may be as large as a part by itself.
  if (unsent.length > PART_MAX_CHARACTERS / 2) groups.push({ tasks: [], ended: [] });
  const parts = groups.map((group, index) => {
    const last = index === groups.length - 1;
    return { n, ...place, whole, last, ...group, unsent: last ? unsent : '[]' };
  });
  return { parts, characters };
}

export interface LoggedCheckpoint extends Checkpoint {
  /** Where the log has had its record; null when it does not say. */
  readonly seq: number | null;
}

/** The last checkpoint of a partition that is whole in the log; null when there is none. @throws BusError */
export async function readCheckpoint(bus: Bus, service: string, partition: number): Promise<LoggedCheckpoint | null> {
  let seq: number | null = null;
  let state = { n: 0, unsent: '[]', tasks: new Map<string, TaskSnapshot>(), ended: new Map<string, EndedTask>() };
  let set: Part[] = [];
  const take = (parts: readonly Part[]): void => {
    const [first] = parts;
    // A host that has lost the partition may have told of an older state meanwhile.
    if (!first || first.n < state.n) return;
    if (first.whole) state = { n: 0, unsent: '[]', tasks: new Map(), ended: new Map() };
    for (const { tasks, ended } of parts) {
      for (const task of tasks) state.tasks.set(task.task, task);
      for (const one of ended) {
        state.ended.set(one.task, one);
        state.tasks.delete(one.task);
      }
    }
    state.n = first.n;
    seq = first.seq ?? null;
    state.unsent = parts.at(-1)?.unsent ?? '[]';
  };
  const reader = await bus.read({
    ...{ stream: 'checkpoints', filter: checkpointSubject(service, partition), fromSeq: 1 },
    onMessage({ data }) {
      const part = JSON.parse(Buffer.from(data).toString('utf8')) as Part;
      if (set[0] && (set[0].n !== part.n || set[0].whole !== part.whole)) set = [];
      set.push(part);
      if (!part.last) return;
      take(set);
      set = [];
    },
  });
  await reader.caughtUp;
  await reader.stop();
  const { n, unsent } = state;
  const [tasks, ended] = [[...state.tasks.values()], [...state.ended.values()]];
  return n === 0 ? null : { partition, n, seq, unsent, tasks, ended };
}
