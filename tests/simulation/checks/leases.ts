/**
 * Watches every grant of a lease (S7): fences grow from grant to grant, and none is taken from a holder that was not found
 * silent. Owns: that check.
 */

import { bucketStream, LEASE_BUCKET } from '../../../bus/layout.ts';
import { type MemoryStream, serverOf } from '../../../bus/memory-log.ts';
import type { Run } from '../simulate.ts';

const STREAM = bucketStream(LEASE_BUCKET);
const PREFIX = `$KV.${LEASE_BUCKET}.lease.`;

interface Lease {
  readonly holder: string;
  readonly fence: number;
}

type Watched = Pick<Run, 'log' | 'report' | 'scheduler' | 'plan'>;

/** Looks at the bucket whenever it is there; it may be made anew. */
export function watchLeases({ log, report, scheduler, plan }: Watched): void {
  const last = new Map<string, Lease & { readonly freed: boolean }>();
  let watched: MemoryStream | null = null;
  let seen = 0;
  const look = (stream: MemoryStream): void => {
    for (; seen < stream.lastSeq; seen += 1) {
      const message = stream.get(seen + 1);
      if (!message?.subject.startsWith(PREFIX)) continue;
      const lease = JSON.parse(new TextDecoder().decode(message.data)) as Lease;
      const before = last.get(message.subject);
      if (lease.holder === '') {
        if (before) last.set(message.subject, { ...before, freed: true });
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
      if (before && before.holder !== lease.holder && !before.freed && !plan.logWentBack && !isSilent(stream, before))
        report.violation(
          'S7',
          `${message.subject}: ${lease.holder} took it from ${before.holder}, which was not silent`,
        );
      last.set(message.subject, { ...lease, freed: false });
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
        look(stream);
      });
      look(stream);
    }
    scheduler.after(ATTACH_EVERY_MS, attach);
  };
  attach();
}

/** Whoever finds a holder silent writes that into its beat. */
function isSilent(stream: MemoryStream, { holder }: Lease): boolean {
  const beat = stream.last(`$KV.${LEASE_BUCKET}.beat.${holder}`);
  return beat !== null && new TextDecoder().decode(beat.data) === 'silent';
}

const ATTACH_EVERY_MS = 20;
