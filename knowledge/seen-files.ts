/**
 * What a process that indexes again and again has read already. Owns: telling whether a file is as it was, without reading
 * it. Does not own: what is done with a file (`ingest.ts`), or noticing changes (`watch.ts`).
 *
 * A file is as it was when its device, inode, size and times of change are. Those have a grain, so of a file that was changed
 * just before it was read nothing is remembered: a second edit could bear the same time.
 */
import { lstatSync } from 'node:fs';
import type { SeenFile, SeenFiles } from './port.ts';
import { isUnder } from './scan.ts';

/** The coarsest grain in use (FAT has two seconds). */
const GRAIN_MS = 2_000;

/** @param grainMs how far apart two changes of a file surely bear different times */
export function seenFiles(grainMs = GRAIN_MS): SeenFiles {
  const files = new Map<string, { readonly stamp: string; readonly seen: SeenFile }>();
  return {
    stampOf(absolutePath) {
      const lookedMs = Date.now();
      try {
        // At once: a promise for each of some ten thousand files costs ten times as much as asking the system.
        const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs } = lstatSync(absolutePath, { bigint: true });
        return { text: [dev, ino, size, mtimeNs, ctimeNs].join(':'), isSettled: Number(ctimeMs) < lookedMs - grainMs };
      } catch {
        // Reading it says what is the matter.
        return null;
      }
    },
    recall(absolutePath, { text }) {
      const kept = files.get(absolutePath);
      return kept?.stamp === text ? kept.seen : undefined;
    },
    keep(absolutePath, { text, isSettled }, seen) {
      const isOfNow = 'reason' in seen && (seen.reason === 'missing' || seen.reason === 'unreadable');
      if (isSettled && !isOfNow) files.set(absolutePath, { stamp: text, seen });
      else files.delete(absolutePath);
    },
    retain(root, met) {
      for (const path of files.keys()) if (isUnder(root, path) && !met.has(path)) files.delete(path);
    },
  };
}
