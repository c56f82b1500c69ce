/** A folder for one test, with a project in it and a place for the database. Owns nothing the tests assert on. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openSqliteStore, type SqliteStore } from '../../../knowledge/sqlite-store.ts';

export interface Workspace {
  /** The project's folder; passages show paths relative to it. */
  project: string;
  database: string;
  write(path: string, content: string | Buffer): string;
  open(): SqliteStore;
}

export function workspace(files: Readonly<Record<string, string>> = {}): Workspace {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'mesh-knowledge-')));
  const project = join(folder, 'project');
  mkdirSync(project);
  const database = join(folder, 'state', 'knowledge.db');
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const write = (path: string, content: string | Buffer): string => {
    const absolutePath = join(project, path);
    mkdirSync(dirname(absolutePath), { recursive: true });
    writeFileSync(absolutePath, content);
    return absolutePath;
  };
  for (const [path, content] of Object.entries(files)) write(path, content);
  const open = (): SqliteStore => {
    const store = openSqliteStore(database);
    onTestFinished(() => store.close());
    return store;
  };
  return { project, database, write, open };
}
