/**
 * Watches every grant of a lease (S7): fences grow from grant to grant. Owns: that check.
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

/** Looks at the bucket whenever it is there; it may be made anew. */
export function watchLeases({ log, report, scheduler }: Pick<Run, 'log' | 'report' | 'scheduler'>): void {
  const last = new Map<string, Lease>();
  let watched: MemoryStream | null = null;
  let seen = 0;
  const look = (stream: MemoryStream): void => {
    seen = Math.min(seen, stream.lastSeq);
    for (; seen < stream.lastSeq; seen += 1) {
      const message = stream.get(seen + 1);
      if (!message?.subject.startsWith(PREFIX)) continue;
      const lease = JSON.parse(new TextDecoder().decode(message.data)) as Lease;
      const before = last.get(message.subject);
      if (lease.holder === '') continue;
      if (before && lease.fence <= before.fence)
        report.violation(
          'S7',
          `${message.subject}: ${before.holder} had fence ${before.fence}, ${lease.holder} gets ${lease.fence}`,
        );
      if (before && before.holder !== lease.holder) report.count('lease taken over');
      last.set(message.subject, lease);
    }
  };
  const attach = (): void => {
    const stream = serverOf(log).findStream(STREAM);
    if (stream && stream !== watched) {
      watched = stream;
      seen = 0;
      stream.listen(() => look(stream));
      look(stream);
    }
    scheduler.after(ATTACH_EVERY_MS, attach);
  };
  attach();
}

const ATTACH_EVERY_MS = 20;
