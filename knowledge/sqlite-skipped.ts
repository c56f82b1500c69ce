/**
 * What indexing left out, and why, as of the latest run over each place. Owns: keeping it, and reading it in groups. Does
 * not own: what is left out (`scan.ts`), or the table (`sqlite-database.ts`).
 *
 * What a root held before is forgotten with each run over it or over a folder above it, so a file that is let in, or that
 * is gone, is no longer named.
 */
import { sep } from 'node:path';
import type Database from 'better-sqlite3';
import type { LeftOut, SkippedFile, SkipReason } from './port.ts';

/** Of one root; a folder is one entry, so more is a folder of pictures. */
const KEPT_MAX = 10_000;
/** Of one reason, for people to read. */
const SHOWN_MAX = 200;

export type KeptSkip = SkippedFile & { readonly absolutePath: string };

interface GroupRow {
  readonly reason: SkipReason;
  readonly count: number;
}

export function sqliteSkipped(db: Database.Database) {
  const forget = db.prepare<[string, string, string]>(
    'DELETE FROM skipped WHERE path = ? OR substr(path, 1, length(?)) = ?',
  );
  const add = db.prepare<[string, string, string]>(
    'INSERT OR REPLACE INTO skipped (path, shown_path, reason) VALUES (?, ?, ?)',
  );
  const groups = db.prepare<[], GroupRow>(
    'SELECT reason, count(*) AS count FROM skipped GROUP BY reason ORDER BY count DESC, reason',
  );
  const paths = db
    .prepare<[string, number], string>('SELECT shown_path FROM skipped WHERE reason = ? ORDER BY shown_path LIMIT ?')
    .pluck();
  return {
    replace(rootPath: string, skipped: readonly KeptSkip[]): void {
      const below = rootPath.endsWith(sep) ? rootPath : rootPath + sep;
      forget.run(rootPath, below, below);
      for (const { absolutePath, path, reason } of skipped.slice(0, KEPT_MAX)) add.run(absolutePath, path, reason);
    },
    read: (): LeftOut[] =>
      groups.all().map(({ reason, count }) => ({ reason, count, paths: paths.all(reason, SHOWN_MAX) })),
  };
}
