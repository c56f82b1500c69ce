/**
 * Who of those that wait for a worker is next. Owns: the order. Does not own: what is waited for (`worker-pool.ts`).
 *
 * Callers take turns, and within the turns of one caller its tasks do: who has more in the line waits for that alone. Every
 * second turn of a caller is for its task that came last: whoever asks for something beside a batch of one's own does not
 * wait for the batch, and the batch goes on.
 */

interface Queued {
  readonly flow: string;
  readonly task: string;
}

export interface TurnQueue<J> {
  add(job: J): void;
  /** The first of those whose turn it is. */
  take(): J | null;
  /** Whether it was there. */
  remove(job: J): boolean;
  /** How many are to be taken before it, if nobody else comes; -1 when it is not there. */
  ahead(job: J): number;
  readonly size: number;
}

export interface QuickQueue<J> extends TurnQueue<J> {
  /** For a place that the long ones do not get. */
  takeShort(): J | null;
}

/** Of short requests, before a long one has its turn. */
const SHORT_TURNS = 3;

/** Short requests first: nearly always they are short work. No stream of them keeps the long ones out. */
export function createQuickQueue<J extends Queued & { readonly isShort: boolean }>(): QuickQueue<J> {
  const [short, long] = [createTurnQueue<J>(), createTurnQueue<J>()];
  let shortTurns = 0;
  return {
    add: (job) => (job.isShort ? short : long).add(job),
    take() {
      const isLongsTurn = shortTurns >= SHORT_TURNS || short.size === 0;
      shortTurns = isLongsTurn || long.size === 0 ? 0 : shortTurns + 1;
      return isLongsTurn ? (long.take() ?? short.take()) : short.take();
    },
    takeShort: () => short.take(),
    remove: (job) => (job.isShort ? short : long).remove(job),
    ahead(job) {
      const [own, other] = job.isShort ? [short, long] : [long, short];
      const before = own.ahead(job);
      if (before < 0) return -1;
      const others = job.isShort
        ? Math.floor((before + shortTurns) / SHORT_TURNS)
        : (before + 1) * SHORT_TURNS - shortTurns;
      return before + Math.min(other.size, others);
    },
    get size() {
      return short.size + long.size;
    },
  };
}

/** Callers in turn, each with its tasks in turn. */
export function createTurnQueue<J extends Queued>(): TurnQueue<J> {
  return inTurns<J>({
    nameOf: ({ flow }) => flow,
    createOne: () => inTurns<J>({ nameOf: ({ task }) => task, createOne: createLine, newestToo: true }),
  });
}

interface Turns<J> {
  nameOf(job: J): string;
  createOne(): TurnQueue<J>;
  /** Every second turn is for the line that came last, until it has had one. */
  readonly newestToo?: boolean;
}

/** Lines in the order of their turns. */
function inTurns<J>({ nameOf, createOne, newestToo = false }: Turns<J>): TurnQueue<J> {
  const lines = new Map<string, TurnQueue<J>>();
  /** Those that have had no turn yet, as they came. */
  const unserved = new Set<string>();
  let size = 0;
  let isNewestsTurn = false;
  const drop = (name: string): void => {
    lines.delete(name);
    unserved.delete(name);
  };
  const next = (): string | undefined => {
    const newest = isNewestsTurn ? [...unserved].at(-1) : undefined;
    return newest ?? lines.keys().next().value;
  };
  return {
    add(job) {
      const name = nameOf(job);
      const known = lines.get(name);
      const line = known ?? createOne();
      if (known === undefined) {
        lines.set(name, line);
        unserved.add(name);
      }
      line.add(job);
      size += 1;
    },
    take() {
      const name = next();
      const line = name === undefined ? undefined : lines.get(name);
      if (name === undefined || line === undefined) return null;
      const job = line.take();
      drop(name);
      // What is left of it comes after the others.
      if (line.size > 0) lines.set(name, line);
      size -= 1;
      isNewestsTurn = newestToo && !isNewestsTurn;
      return job;
    },
    remove(job) {
      const name = nameOf(job);
      const line = lines.get(name);
      if (line?.remove(job) !== true) return false;
      if (line.size === 0) drop(name);
      size -= 1;
      return true;
    },
    ahead(job) {
      const name = nameOf(job);
      const ownAhead = lines.get(name)?.ahead(job) ?? -1;
      if (ownAhead < 0) return -1;
      const sizes = [...lines].map(([one, line]) => [one, line.size] as const);
      const order = turnsOf(sizes, { unserved: [...unserved], newestToo, isNewestsTurn });
      let own = 0;
      let others = 0;
      for (const one of order) {
        if (one !== name) others += 1;
        else if (own === ownAhead) return own + others;
        else own += 1;
      }
      return own + others;
    },
    get size() {
      return size;
    },
  };
}

/** Whose each turn is to come. */
function* turnsOf(
  sizes: readonly (readonly [string, number])[],
  { unserved, newestToo, isNewestsTurn }: { unserved: string[]; newestToo: boolean; isNewestsTurn: boolean },
): Generator<string> {
  const left = new Map(sizes);
  const unservedLeft = new Set(unserved);
  let isNewests = isNewestsTurn;
  while (left.size > 0) {
    while (unserved.length > 0 && !unservedLeft.has(unserved.at(-1) ?? '')) unserved.pop();
    const [oldest = ''] = left.keys();
    const name = (isNewests ? unserved.at(-1) : undefined) ?? oldest;
    yield name;
    const more = (left.get(name) ?? 0) - 1;
    left.delete(name);
    unservedLeft.delete(name);
    if (more > 0) left.set(name, more);
    isNewests = newestToo && !isNewests;
  }
}

/** First come, first served. */
function createLine<J>(): TurnQueue<J> {
  const jobs: J[] = [];
  return {
    add: (job) => void jobs.push(job),
    take: () => jobs.shift() ?? null,
    remove(job) {
      const at = jobs.indexOf(job);
      if (at >= 0) jobs.splice(at, 1);
      return at >= 0;
    },
    ahead: (job) => jobs.indexOf(job),
    get size() {
      return jobs.length;
    },
  };
}
