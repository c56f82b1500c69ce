/**
 * How far a role has read. Owns: one position for the partitions that are level, and one each for those that were
 * gained later and lag behind. Does not own: reading.
 *
 * Invariant: no event is passed over and none is applied twice, whichever partitions come and go.
 */
import { PARTITIONS } from '../../schemas/events/subjects.ts';

/** Stored as `<role>` for the level ones and `<role>.<partition>` for each that lags; which are level is in the mask. */
export interface RoleCursor {
  /** First sequence the next reader has to deliver. */
  readonly readFrom: number;
  /** An owned partition has not been read as far as the others: its past is folded again. */
  readonly lags: boolean;
  /** True when the event is for an owned partition and new to it. */
  wants(partition: number, seq: number): boolean;
  /** The reader has passed this sequence. Returns the channels whose stored position changes. */
  passed(seq: number): { channel: string; seq: number }[];
  gain(partitions: readonly number[]): { channel: string; seq: number }[];
  lose(partitions: readonly number[]): { channel: string; seq: number }[];
  /** Begins again from the first event: the log was made anew. */
  reset(): { channel: string; seq: number }[];
}

export function createRoleCursor(role: string, stored: ReadonlyMap<string, number>): RoleCursor {
  let position = stored.get(role) ?? 0;
  let mask = stored.get(`${role}.level`) ?? 0;
  const own = new Map<number, number>();
  const owned = new Set<number>();
  for (let partition = 0; partition < PARTITIONS; partition += 1)
    own.set(partition, stored.get(`${role}.${partition}`) ?? 0);

  const isLevel = (partition: number): boolean => (mask & (1 << partition)) !== 0;
  const at = (partition: number): number => (isLevel(partition) ? position : (own.get(partition) ?? 0));
  const level = (partition: number): void => {
    mask |= 1 << partition;
  };
  const maskRow = () => ({ channel: `${role}.level`, seq: mask });

  return {
    get readFrom() {
      const lagging = [...owned].map(at);
      return lagging.length === 0 ? position + 1 : Math.min(...lagging) + 1;
    },
    get lags() {
      return [...owned].some((partition) => !isLevel(partition) && at(partition) < position);
    },
    wants: (partition, seq) => owned.has(partition) && seq > at(partition),
    passed(seq) {
      const rows: { channel: string; seq: number }[] = [];
      const behind = [...owned].filter((partition) => !isLevel(partition));
      if (seq < position) {
        for (const partition of behind) {
          if (seq <= at(partition)) continue;
          own.set(partition, seq);
          rows.push({ channel: `${role}.${partition}`, seq });
        }
        return rows;
      }
      for (const partition of behind) level(partition);
      if (behind.length > 0) rows.push(maskRow());
      if (seq > position) position = seq;
      rows.push({ channel: role, seq: position });
      return rows;
    },
    gain(partitions) {
      for (const partition of partitions) owned.add(partition);
      // All that ever was read was read by this host: nobody lags.
      if (position === 0) for (const partition of partitions) level(partition);
      return [maskRow()];
    },
    lose(partitions) {
      const rows = partitions.map((partition) => {
        own.set(partition, at(partition));
        owned.delete(partition);
        return { channel: `${role}.${partition}`, seq: at(partition) };
      });
      for (const partition of partitions) mask &= ~(1 << partition);
      return [...rows, maskRow()];
    },
    reset() {
      position = 0;
      mask = 0;
      for (const partition of own.keys()) own.set(partition, 0);
      for (const partition of owned) level(partition);
      return [
        { channel: role, seq: 0 },
        maskRow(),
        ...[...own.keys()].map((partition) => ({ channel: `${role}.${partition}`, seq: 0 })),
      ];
    },
  };
}
