/** `mesh index --watch` as a process: killed in the middle it leaves whole files, and Ctrl-C is its proper end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import Database from 'better-sqlite3';
import { expect, it, onTestFinished } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import { chunkFile } from '../../../knowledge/chunk.ts';

const FILES = 120;
const PARTS = 30;

function stage() {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'mesh-index-watch-')));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const docs = join(home, 'docs');
  mkdirSync(docs);
  mkdirSync(join(home, 'state'));
  for (let file = 0; file < FILES; file += 1) {
    const parts = Array.from(
      { length: PARTS },
      (_, at) => `## Part ${at}\n\n${`Zebra ${file} and lion ${at}. `.repeat(20)}\n`,
    );
    writeFileSync(join(docs, `${file}.md`), `# File ${file}\n\n${parts.join('\n')}`);
  }
  return { home, docs, database: join(home, 'state', 'knowledge.db') };
}

function start({ home, docs, database }: ReturnType<typeof stage>): ChildProcess {
  const child = spawn(process.execPath, [join(projectRoot, 'cli', 'main.ts'), 'index', '--watch', '--json', docs], {
    env: { PATH: process.env.PATH, HOME: home, MESH_HOME: home, MESH_KNOWLEDGE_PATH: database },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

interface IndexedFile {
  readonly path: string;
  readonly chunks: number;
}

/** Nothing when the file is not made yet. */
function indexed(database: string): IndexedFile[] {
  const db = new Database(database, { readonly: true, fileMustExist: false });
  try {
    return db
      .prepare<[], IndexedFile>(
        'SELECT path, (SELECT count(*) FROM chunks WHERE file_id = files.id) AS chunks FROM files ORDER BY path',
      )
      .all();
  } finally {
    db.close();
  }
}

it('killed in the middle it leaves whole files, the next run completes them, and Ctrl-C ends that with 0', async () => {
  const place = stage();
  const first = start(place);
  const changes = watch(join(place.home, 'state'));
  onTestFinished(() => changes.close());
  for (let some = 0; some < 5; ) {
    await once(changes, 'change');
    try {
      some = indexed(place.database).length;
    } catch (error) {
      // The tables are made in the first moments; until then there is nothing to count.
      if (!(error instanceof Database.SqliteError)) throw error;
    }
  }
  first.kill('SIGKILL');
  await once(first, 'close');
  const left = indexed(place.database);
  expect(left.length).toBeLessThan(FILES);
  for (const { path, chunks } of left)
    expect(chunks, path).toBe(chunkFile(path, readFileSync(join(place.docs, path), 'utf8')).chunks.length);

  const second = start(place);
  const lines = createInterface({ input: second.stdout ?? process.stdin });
  const [line] = await once(lines, 'line');
  expect(JSON.parse(String(line))).toMatchObject({ files: FILES, unchanged: left.length, added: FILES - left.length });
  writeFileSync(join(place.docs, 'new.md'), 'A zebra.');
  const [next] = await once(lines, 'line');
  expect(JSON.parse(String(next))).toMatchObject({
    files: FILES + 1,
    changes: [{ path: 'docs/new.md', change: 'added' }],
  });
  second.kill('SIGINT');
  expect(await once(second, 'close')).toEqual([0, null]);
}, 240_000);
