/**
 * A line in which nobody is passed over for long. Owns: who is next. Does not own: what is waited for.
 *
 * Start-time fair queueing: each caller of each priority is a flow with a weight, and the flow that has had least for its
 * weight is next.
 *
 * Invariants:
 * 1. One flow alone is first come, first served.
 * 2. While several wait, each gets turns in proportion to its weight, whoever has more in the line.
 * 3. A flow that was away has saved nothing up.
 * 4. A line that is full for one flow is not for another that has less than its part of it.
 */

/** Whose turn it is counted as, and how much of the turns it gets beside others. */
export interface Share {
  readonly flow: string;
  readonly weight: number;
}

export interface FairQueue<T> {
  /** @param first before all others of its flow: it has had its turn before and lost it */
  add(item: T, share: Share, first?: boolean): void;
  take(): T | undefined;
  /** Whether it was there. */
  remove(item: T): boolean;
  /** Whether one more of a flow is too much. @param max of all that wait, beside the part of those who have less than theirs */
  isFull(share: Share, max: number): boolean;
  /** How many are to be taken before it, if nobody else comes; -1 when it is not there. */
  ahead(item: T): number;
  readonly size: number;
}

interface Flow<T> {
  readonly items: T[];
  weight: number;
  /** What it has had, in turns for its weight, on the scale of all. */
  had: number;
}

export function createFairQueue<T>(): FairQueue<T> {
  const flows = new Map<string, Flow<T>>();
  /** What the flow that was served last had had. */
  let now = 0;
  let size = 0;
  const next = (): [string, Flow<T>] | null => {
    let first: [string, Flow<T>] | null = null;
    for (const entry of flows) if (first === null || entry[1].had < first[1].had) first = entry;
    return first;
  };
  return {
    add(item, { flow: name, weight }, first = false) {
      const flow = flows.get(name) ?? { items: [], weight, had: now + 1 / weight };
      flows.set(name, flow);
      flow.weight = weight;
      if (first) flow.items.unshift(item);
      else flow.items.push(item);
      size += 1;
    },
    take() {
      const found = next();
      if (found === null) return undefined;
      const [name, flow] = found;
      const item = flow.items.shift();
      size -= 1;
      now = flow.had;
      flow.had += 1 / flow.weight;
      if (flow.items.length === 0) flows.delete(name);
      return item;
    },
    remove(item) {
      for (const [name, { items }] of flows) {
        const at = items.indexOf(item);
        if (at < 0) continue;
        items.splice(at, 1);
        if (items.length === 0) flows.delete(name);
        size -= 1;
        return true;
      }
      return false;
    },
    isFull({ flow }, max) {
      if (size < max) return false;
      const own = flows.get(flow)?.items.length ?? 0;
      return own >= Math.floor(max / (flows.size + (own === 0 ? 1 : 0)));
    },
    ahead(item) {
      const own = [...flows.values()].find(({ items }) => items.includes(item));
      if (own === undefined) return -1;
      const at = own.items.indexOf(item);
      const due = own.had + at / own.weight;
      let before = at;
      for (const flow of flows.values()) {
        if (flow === own) continue;
        const turns = Math.ceil((due - flow.had) * flow.weight);
        before += Math.min(flow.items.length, Math.max(0, turns));
      }
      return before;
    },
    get size() {
      return size;
    },
  };
}
