/**
 * Who of those that wait for a worker is next. Owns: the order. Does not own: what is waited for (`worker-pool.ts`).
 *
 * Callers take turns, and within the turns of one caller its tasks do: who has more in the line waits for that alone.
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

/** Of short requests, before a long one has its turn. */
const SHORT_TURNS = 3;

/** Short requests first: nearly always they are short work. No stream of them keeps the long ones out. */
export function createQuickQueue<J extends Queued & { readonly isShort: boolean }>(): TurnQueue<J> {
  const [short, long] = [createTurnQueue<J>(), createTurnQueue<J>()];
  let shortTurns = 0;
  return {
    add: (job) => (job.isShort ? short : long).add(job),
    take() {
      const isLongsTurn = shortTurns >= SHORT_TURNS || short.size === 0;
      shortTurns = isLongsTurn || long.size === 0 ? 0 : shortTurns + 1;
      return isLongsTurn ? (long.take() ?? short.take()) : short.take();
    },
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
  return inTurns<J>(
    ({ flow }) => flow,
    () => inTurns<J>(({ task }) => task, createLine),
  );
}

/** Lines in the order of their turns. */
function inTurns<J>(nameOf: (job: J) => string, createOne: () => TurnQueue<J>): TurnQueue<J> {
  const lines = new Map<string, TurnQueue<J>>();
  let size = 0;
  return {
    add(job) {
      const name = nameOf(job);
      const line = lines.get(name) ?? createOne();
      lines.set(name, line);
      line.add(job);
      size += 1;
    },
    take() {
      const [first] = lines;
      if (first === undefined) return null;
      const [name, line] = first;
      const job = line.take();
      lines.delete(name);
      // What is left of it comes after the others.
      if (line.size > 0) lines.set(name, line);
      size -= 1;
      return job;
    },
    remove(job) {
      const name = nameOf(job);
      const line = lines.get(name);
      if (line?.remove(job) !== true) return false;
      if (line.size === 0) lines.delete(name);
      size -= 1;
      return true;
    },
    ahead(job) {
      const own = lines.get(nameOf(job));
      const before = own?.ahead(job) ?? -1;
      if (before < 0) return -1;
      let all = before;
      let turns = before + 1;
      for (const line of lines.values()) {
        // Those that come after its own line have one turn less before it.
        if (line === own) turns -= 1;
        else all += Math.min(line.size, turns);
      }
      return all;
    },
    get size() {
      return size;
    },
  };
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
