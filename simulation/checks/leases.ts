/**
 * Watches every grant of a lease (S7): fences grow from grant to grant, and none is taken from a holder that was not found
 * silent since it got the lease. Owns: that check.
 *
 * A holder may beat again between that finding and the grant: it learns at that very beat that it was found silent, and
 * claims anew what nobody has taken.
 */

import { bucketStream, LEASE_BUCKET } from '../../bus/layout.ts';
import { keyToken } from '../../bus/leases.ts';
import { type MemoryStream, serverOf } from '../../bus/memory-log.ts';
import { trail } from '../host-ports.ts';
import type { Run } from '../simulate.ts';

const STREAM = bucketStream(LEASE_BUCKET);
const PREFIX = `$KV.${LEASE_BUCKET}.lease.`;
const BEATS = `$KV.${LEASE_BUCKET}.beat.`;

interface Lease {
  readonly holder: string;
  readonly fence: number;
}

type Watched = Pick<Run, 'log' | 'report' | 'scheduler' | 'plan' | 'shares'>;

/** Looks at the bucket whenever it is there; it may be made anew. */
export function watchLeases({ log, report, scheduler, plan, shares }: Watched): void {
  const last = new Map<string, Lease & { readonly freed: boolean; readonly seq: number }>();
  /** Where each holder was found silent for the last time: whoever finds that writes it into the beat. */
  const silent = new Map<string, number>();
  const beaten = new Map<string, number>();
  /** It has not beaten since it was found so, or was found so after it got the lease. */
  const wasSilent = ({ holder, seq }: { readonly holder: string; readonly seq: number }): boolean => {
    const beat = `${BEATS}${keyToken(holder)}`;
    return (silent.get(beat) ?? 0) > Math.min(seq, beaten.get(beat) ?? 0);
  };
  let watched: MemoryStream | null = null;
  let seen = 0;
  const look = (stream: MemoryStream): void => {
    for (; seen < stream.lastSeq; seen += 1) {
      const message = stream.get(seen + 1);
      if (message?.subject.startsWith(BEATS))
        (new TextDecoder().decode(message.data) === 'silent' ? silent : beaten).set(message.subject, message.seq);
      if (!message?.subject.startsWith(PREFIX)) continue;
      const lease = JSON.parse(new TextDecoder().decode(message.data)) as Lease;
      const before = last.get(message.subject);
      const key = decodeURIComponent(message.subject.slice(PREFIX.length).replaceAll('=', '%'));
      if (lease.holder === '') {
        if (before) {
          last.set(message.subject, { ...before, freed: true });
          shares.freed(key, before.holder);
        }
        continue;
      }
      // A bucket that was lost begins again from the clock; who sets that back as well is past helping.
      const isKnown = !(plan.logWentBack && plan.fired.has('broker-clock'));
      if (before && isKnown && lease.fence <= before.fence)
        report.violation(
          'S7',
          `${message.subject}: ${before.holder} had fence ${before.fence}, ${lease.holder} gets ${lease.fence}`,
        );
      if (before && before.holder !== lease.holder) report.count('lease taken over');
      const isTaken = before !== undefined && before.holder !== lease.holder && !before.freed;
      if (isTaken) shares.taken(before.holder);
      if (isTaken && !plan.logWentBack && !wasSilent(before))
        report.violation(
          'S7',
          `${message.subject}: ${lease.holder} took it from ${before.holder}, which was not silent`,
        );
      last.set(message.subject, { ...lease, freed: false, seq: message.seq });
      shares.granted(key, lease.holder);
    }
  };
  const attach = (): void => {
    const stream = serverOf(log).findStream(STREAM);
    if (stream && stream !== watched) {
      watched = stream;
      seen = 0;
      stream.listen((stored) => {
        // What is put back was looked at when it was granted.
        if (stored === null) seen = stream.lastSeq;
        try {
          look(stream);
        } catch (error) {
          // Who writes into the bucket would take it for trouble of the broker.
          report.violation('host', `a check has thrown: ${trail(error)}`);
        }
      });
      look(stream);
    }
    shares.look();
    scheduler.after(ATTACH_EVERY_MS, attach);
  };
  attach();
}

const ATTACH_EVERY_MS = 20;
