/**
 * How much a ledger keeps. Owns: counting pages in use, so that the log's size and free pages do not blur it.
 */
import Database from 'better-sqlite3';

/** Bytes of the pages in use after all commits so far. */
export function ledgerBytes(path: string): number {
  const db = new Database(path, { readonly: true });
  const read = (pragma: string): number => Number(db.pragma(pragma, { simple: true }));
  const bytes = (read('page_count') - read('freelist_count')) * read('page_size');
  db.close();
  return bytes;
}
