/**
 * Promises of a user's own code that are rejected while nobody waits for them. Owns: telling its author, with the place, instead
 * of ending a process in which others are at work. Does not own: what anybody waits for; and such a promise of the product's
 * own is a fault after which nothing is certain, so it ends the process as ever.
 */
import { relative } from 'node:path';
import { placeOf } from '../sdk/place.ts';
import type { Log } from '../telemetry/log.ts';

/** @param folder of the mesh of one's own */
export function hearStrayRejections(folder: string, log: Pick<Log, 'error'>): () => void {
  const hear = (reason: unknown): void => {
    const place = placeOf(reason, folder);
    if (place === null) throw reason;
    const where = `${relative(folder, place.file)}:${place.line}`;
    const error = reason instanceof Error ? reason.message : String(reason);
    log.error({ where, error }, 'a promise was rejected and nothing waits for it: await it, or catch what it throws');
  };
  process.on('unhandledRejection', hear);
  return () => void process.off('unhandledRejection', hear);
}
