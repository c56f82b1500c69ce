/**
 * One watch of the operating system for each folder of a set. Owns: the handles, and which folders cannot be watched. Does
 * not own: which folders those are, or what follows from a change (`watch.ts`).
 *
 * A watch of a folder tells of the files in it too, so a tree costs one handle a folder; the libraries that watch trees take
 * one a file, of which a system has some ten thousands.
 */
import { type FSWatcher, watch } from 'node:fs';
import { lstat } from 'node:fs/promises';

interface Watched {
  readonly mark: string;
  readonly watcher: FSWatcher;
}

export interface FolderWatches {
  /** Watches these folders and no others. @returns whether one is watched that was not before */
  follow(folders: Iterable<string>): Promise<boolean>;
  /** Folders of the latest set that cannot be watched: the system has no handles left, or the file system tells nothing. */
  blind(): number;
  close(): void;
}

/** @param onChange the folder, and what changed in it; null when that is not known */
export function folderWatches(onChange: (folder: string, name: string | null) => void): FolderWatches {
  const watched = new Map<string, Watched>();
  let blind = 0;
  const drop = (folder: string): void => {
    watched.get(folder)?.watcher.close();
    watched.delete(folder);
  };
  const add = (folder: string, mark: string): boolean => {
    try {
      const watcher = watch(folder, (_event, name) => onChange(folder, name));
      // As Windows tells that a folder was removed; whatever it was, the next look at the tree says what is there.
      watcher.on('error', () => {
        drop(folder);
        onChange(folder, null);
      });
      watched.set(folder, { mark, watcher });
      return true;
    } catch {
      blind += 1;
      return false;
    }
  };
  return {
    async follow(folders) {
      const wanted = new Set(folders);
      for (const folder of watched.keys()) if (!wanted.has(folder)) drop(folder);
      blind = 0;
      let isMore = false;
      for (const folder of wanted) {
        const mark = await markOf(folder);
        if (watched.get(folder)?.mark === mark) continue;
        drop(folder);
        if (mark !== null && add(folder, mark)) isMore = true;
      }
      return isMore;
    },
    blind: () => blind,
    close() {
      for (const folder of [...watched.keys()]) drop(folder);
    },
  };
}

/** Tells a folder from another that took its name: a watch stays with the folder that it was set on. */
async function markOf(folder: string): Promise<string | null> {
  try {
    const { dev, ino, birthtimeNs } = await lstat(folder, { bigint: true });
    return [dev, ino, birthtimeNs].join(':');
  } catch {
    // Gone meanwhile; the folder above tells when it is back.
    return null;
  }
}
