/**
 * Checkpoints in the log: what a host on another machine begins from when it takes a partition over. Owns: writing and
 * reading them. Does not own: when there is one, or what is in it; the ledger has the same.
 *
 * A checkpoint tells what has changed since the last one. When the changes weigh several times as much as the whole, the
 * whole is written, and what was before it is deleted. Both go in parts, since a message has a limit; a part counts when
 * the last one of its set is there.
 *
 * Invariants:
 * 1. Changes follow in the log what they are changes of: each part is taken only after the one that its writer knows as the
 *    last. Whoever is refused, does not know whether it was taken, or has lost the partition since, writes the whole next time.
 * 2. Who has lost the partition, and does not know it yet, deletes nothing that its successor has told.
 */
import type { Bus } from '../../../bus/port.ts';
import { checkpointSubject, journalSubject } from '../../../schemas/events/subjects.ts';
import { endInLog } from '../journal/journal-end.ts';
import type { Checkpoint, EndedTask, Ledger, TaskSnapshot } from '../ledger/port.ts';

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

/** What the log has of a partition's checkpoints, from this process: characters of the last whole, and of the changes since. */
interface Written {
  readonly whole: number;
  readonly changes: number;
  /** Of the last part. */
  readonly seq: number;
}

export interface CheckpointLog {
  /** The partition is opened: the last checkpoint of the time before may have come into the ledger alone. */
  open(partition: number): void;
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
  /** The nonce of this one, by which its records are known. */
  readonly process: string;
}): CheckpointLog {
  const { service, bus, ledger, process } = options;
  /** By partition; none where it is not known that the log has what the next changes are changes of. */
  const written = new Map<number, Written>();
  const lines = new Map<number, Promise<unknown>>();

  /** Returns the places of the first and of the last part. */
  const publish = async (partition: number, parts: readonly Part[], after: number): Promise<[number, number]> => {
    const subject = checkpointSubject(service, partition);
    let first = 0;
    let last = after;
    for (const part of parts) {
      const { seq } = await bus.publish({ subject, body: JSON.stringify(part), expectLastSeq: last });
      first ||= seq;
      last = seq;
    }
    return [first, last];
  };
  const placeOf = ({ partition, n }: Checkpoint): { seq: number } | object => {
    const seq = options.recordSeq(partition, n);
    return seq === null ? {} : { seq };
  };
  /** Another process has told of later records, and it is the one that the log lets write. */
  const isOvertaken = async (partition: number, n: number, told: Part | null): Promise<boolean> => {
    if (told === null || told.n <= n) return false;
    const { record } = await endInLog(bus, journalSubject(service, partition));
    return record?.head.process !== process;
  };
  const writeWhole = async (partition: number): Promise<Written | null> => {
    const all = ledger.checkpoint(partition);
    // The ledger may be ahead by a checkpoint that the log does not carry yet.
    if (all === null || all.n > options.told(partition)) return null;
    const subject = checkpointSubject(service, partition);
    const last = await bus.getLast(subject, 'checkpoints');
    if (await isOvertaken(partition, all.n, last && partIn(last.data))) return null;
    const { parts, characters } = partsOf(all, true, placeOf(all));
    const [firstSeq, seq] = await publish(partition, parts, last?.seq ?? 0);
    await bus.purge(subject, firstSeq, 'checkpoints');
    return { whole: characters, changes: 0, seq };
  };
  const writeChanges = async (checkpoint: Checkpoint, { whole, changes, seq }: Written): Promise<Written> => {
    const { parts, characters } = partsOf(checkpoint, false, placeOf(checkpoint));
    const [, last] = await publish(checkpoint.partition, parts, seq);
    return { whole, changes: changes + characters, seq: last };
  };
  const write = async (checkpoint: Checkpoint): Promise<void> => {
    const { partition } = checkpoint;
    const before = written.get(partition);
    written.delete(partition);
    const isLong =
      before === undefined || before.changes > Math.max(CHANGES_MIN_CHARACTERS, before.whole * CHANGES_PER_WHOLE);
    let after = isLong ? await writeWhole(partition) : null;
    if (before !== undefined) after ??= await writeChanges(checkpoint, before);
    if (after !== null) written.set(partition, after);
  };
  /** After what is under way. */
  const inLine = <T>(partition: number, work: () => T | Promise<T>): Promise<T> => {
    const after = (lines.get(partition) ?? Promise.resolve()).then(work, work);
    lines.set(partition, after);
    return after;
  };
  return {
    open: (partition) => void inLine(partition, () => written.delete(partition)),
    write: (checkpoint) => inLine(checkpoint.partition, () => write(checkpoint)),
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
    if (!first) return;
    // Of a log that has lost its end the whole is told anew, of fewer records.
    if (first.n < state.n && !first.whole) return;
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
      const part = partIn(data);
      if (part === null) return;
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

/** Null for what is none: with the owner's key of NATS anybody may publish there. */
function partIn(data: Uint8Array): Part | null {
  try {
    const part: unknown = JSON.parse(Buffer.from(data).toString('utf8'));
    return typeof part === 'object' && part !== null && 'n' in part && Number.isSafeInteger(part.n)
      ? (part as Part)
      : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
