/**
 * Keeps an index up to date while files change: `mesh index --watch`. Owns: when to look again, and at which folders changes
 * are noticed. Does not own: what a look does (`ingest.ts`), what needs no reading (`seen-files.ts`), handles
 * (`folder-watches.ts`).
 *
 * 1. A change only says that there is something to look at; what is indexed follows from the tree as it is then. So a
 *    change that comes twice, late or without a name does no harm, and a rename or a new `.gitignore` is nothing special.
 * 2. After a look that found new folders there is another: what happened before they were watched is not missed.
 * 3. Changes that follow each other closely are taken together, and looking takes a fifth of the time at most.
 * 4. Nothing runs while nothing changes, except where a folder cannot be watched or something has to be tried again.
 */
import { existsSync } from 'node:fs';
import { dirname, relative, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FolderWatches, folderWatches } from './folder-watches.ts';
import {
  type IndexedChange,
  type IndexProgress,
  type IndexSummary,
  KnowledgeError,
  type KnowledgeStore,
  type ScannedRoot,
  type SeenFiles,
} from './port.ts';
import { isTemporary, isUnder } from './scan.ts';
import { seenFiles } from './seen-files.ts';

/** An editor that writes a file in several steps is done by then; a person does not notice it. */
const SETTLE_MS = 200;
/** A file that never stops changing keeps nobody waiting for longer than this. */
const SETTLE_MS_MAX = 2_000;
/** A look is followed by a pause of four times its length, of this at most. */
const REST_SHARE = 4;
const REST_MS_MAX = 10_000;
/** For what the system does not tell of, and for what went wrong. */
const LOOK_AGAIN_MS = 30_000;

const RULE_FILES: ReadonlySet<string> = new Set(['.gitignore', '.ignore']);
/** What may be right a moment later; anything else needs a person. */
const PASSING: ReadonlySet<string> = new Set(['busy', 'storage', 'too-many-files']);

export interface WatchRun {
  readonly summary: IndexSummary;
  readonly changes: readonly IndexedChange[];
  /** Folders that are watched, or looked at from time to time. */
  readonly folders: number;
  /** Those of them that cannot be watched: everything is looked at every 30 s. */
  readonly blind: number;
}

export interface WatchOptions {
  /** Files and folders, absolute. One that is not there is waited for. */
  readonly roots: readonly string[];
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Look this often whatever the system tells, for file systems that tell nothing; null: only when there is need. */
  readonly everyMs: number | null;
  /** After the first run, and after each that changed something or found something wrong. */
  onRun(run: WatchRun): void;
  /** It goes on, and tries again. */
  onTrouble(error: KnowledgeError): void;
  onProgress?(progress: IndexProgress): void;
}

/**
 * Resolves when the signal says so; what was committed stays.
 * @throws KnowledgeError of which trying again is no help
 */
export async function watchKnowledge(store: Pick<KnowledgeStore, 'index'>, options: WatchOptions): Promise<void> {
  const { signal } = options;
  const due = dueLook(signal);
  let roots: readonly ScannedRoot[] = [];
  const watches = folderWatches((folder, name) => {
    if (concerns(roots, folder, name)) due.soon();
  });
  const seen = seenFiles();
  try {
    for (let isTold = false; ; ) {
      await due.come();
      const beganMs = performance.now();
      const look = await lookOnce(store, seen, options);
      due.rest(Math.min(REST_MS_MAX, REST_SHARE * (performance.now() - beganMs)));
      if (look === null) {
        due.within(LOOK_AGAIN_MS);
        continue;
      }
      ({ roots } = look);
      if (await followed(watches, roots)) due.now();
      const { summary, changes } = look;
      const blind = watches.blind();
      if (blind > 0 || summary.vectors?.problem != null) due.within(LOOK_AGAIN_MS);
      if (options.everyMs !== null) due.within(options.everyMs);
      const folders = roots.reduce((sum, root) => sum + root.folders.length, 0);
      if (!isTold || changes.length > 0) options.onRun({ summary, changes, folders, blind });
      isTold = true;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    watches.close();
  }
}

interface Look {
  readonly summary: IndexSummary;
  readonly changes: readonly IndexedChange[];
  readonly roots: readonly ScannedRoot[];
}

/** Null when something stood in the way that may be gone later. */
async function lookOnce(
  store: Pick<KnowledgeStore, 'index'>,
  seen: SeenFiles,
  { roots, signal, onProgress, onTrouble }: WatchOptions,
): Promise<Look | null> {
  const scanned: ScannedRoot[] = [];
  const changes: IndexedChange[] = [];
  try {
    const summary = await store.index(roots, {
      signal,
      seen,
      onFile: (change) => changes.push(change),
      onScanned: (root) => scanned.push(root),
      ...(onProgress === undefined ? {} : { onProgress }),
    });
    return { summary, changes, roots: scanned };
  } catch (error) {
    if (!(error instanceof KnowledgeError) || !PASSING.has(error.code)) throw error;
    onTrouble(error);
    return null;
  }
}

function followed(watches: FolderWatches, roots: readonly ScannedRoot[]): Promise<boolean> {
  return watches.follow(roots.flatMap((root) => [...root.folders, ...foldersAbove(root)]));
}

/** All of them: where rules may change that bind the root, and where it or a folder above it vanishes and comes back. */
function foldersAbove({ path }: ScannedRoot): string[] {
  const above: string[] = [];
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (existsSync(folder)) above.push(folder);
    if (folder === dirname(folder)) return above;
  }
}

/** Whether a change may matter to what is indexed. */
function concerns(roots: readonly ScannedRoot[], folder: string, name: string | null): boolean {
  return roots.some(({ path, base }) => {
    if (isUnder(path, folder))
      return name === null || RULE_FILES.has(name) || !(name.startsWith('.') || isTemporary(name));
    if (!isUnder(folder, path)) return false;
    const [next] = relative(folder, path).split(sep);
    return name === null || name === next || (RULE_FILES.has(name) && isUnder(base, folder));
  });
}

/** When the next look is due. Times are of the monotonic clock. */
function dueLook(signal: AbortSignal) {
  let firstMs: number | null = null;
  let lastMs = 0;
  let restUntilMs = 0;
  /** The first is due at once. */
  let latestMs = 0;
  let wake = Promise.withResolvers<void>();
  const dueMs = (): number => {
    const settledMs = firstMs === null ? latestMs : Math.min(lastMs + SETTLE_MS, firstMs + SETTLE_MS_MAX, latestMs);
    return Math.max(settledMs, restUntilMs);
  };
  signal.addEventListener('abort', () => wake.resolve(), { once: true });
  return {
    soon(): void {
      lastMs = performance.now();
      if (firstMs === null) wake.resolve();
      firstMs ??= lastMs;
    },
    now(): void {
      latestMs = 0;
    },
    within(ms: number): void {
      latestMs = Math.min(latestMs, performance.now() + ms);
    },
    rest(ms: number): void {
      restUntilMs = performance.now() + ms;
    },
    /** Resolves when it is due. @throws the signal's reason */
    async come(): Promise<void> {
      for (;;) {
        signal.throwIfAborted();
        const waitMs = dueMs() - performance.now();
        if (waitMs <= 0) break;
        const timer = new AbortController();
        const slept = Number.isFinite(waitMs)
          ? sleep(waitMs, undefined, { signal: timer.signal }).catch(() => undefined)
          : wake.promise;
        await Promise.race([slept, wake.promise]);
        timer.abort();
        wake = Promise.withResolvers<void>();
      }
      firstMs = null;
      latestMs = Number.POSITIVE_INFINITY;
    },
  };
}
