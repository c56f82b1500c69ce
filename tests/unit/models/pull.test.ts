/** Fetching models from real servers that break off, ignore what they are asked, and lie. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type PullOptions, type PullProgress, pullModel, recordPath } from '../../../gguf-models/pull.ts';
import { DownloadError } from '../../../gguf-models/remote-file.ts';
import { writeTinyModel } from '../../support/tiny-gguf.ts';
import { type FileServer, type FileServerOptions, sha256Of, startFileServer } from './file-server.ts';

let root = '';
let folder = '';
let path = '';
let content: Buffer;
const servers: FileServer[] = [];
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'mesh-pull-'));
  content = readFileSync(writeTinyModel(join(root, 'source.gguf')));
});
beforeEach(() => {
  folder = mkdtempSync(join(root, 'models-'));
  path = join(folder, 'tiny.gguf');
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function serve(options: Partial<FileServerOptions> = {}): Promise<FileServer> {
  const server = await startFileServer({ content, ...options });
  servers.push(server);
  return server;
}

const signal = new AbortController().signal;
const pull = (server: FileServer, more: Partial<PullOptions> = {}) =>
  pullModel({ url: server.url, path, signal, backoffMs: 1, ...more });

async function failure(work: Promise<unknown>): Promise<DownloadError> {
  const thrown: unknown = await work.catch((error: unknown) => error);
  if (!(thrown instanceof DownloadError)) throw new Error(`no DownloadError but ${String(thrown)}`);
  // Nothing unfinished ever has the name of a model.
  expect(existsSync(path)).toBe(false);
  return thrown;
}

const isWhole = (): void => expect(sha256Of(readFileSync(path))).toBe(sha256Of(content));

describe('a server that works', () => {
  test.each([
    ['names the checksum in a redirect', { redirects: true, etag: null }],
    ['names it as its ETag', {}],
  ])('and %s: the file is compared with it, and a record is kept', async (_what, options) => {
    const server = await serve(options);
    const seen: PullProgress[] = [];
    const pulled = await pull(server, { onProgress: (progress) => seen.push(progress) });
    expect(pulled).toEqual({
      ...{ bytes: content.length, sha256: server.sha256, checkedWith: 'server', resumedFrom: 0, wasThere: false },
    });
    isWhole();
    expect(readdirSync(folder).sort()).toEqual(['tiny.gguf', 'tiny.gguf.json']);
    expect(JSON.parse(readFileSync(recordPath(path), 'utf8'))).toMatchObject({
      url: server.url,
      sha256: server.sha256,
    });
    expect(seen.at(-1)).toEqual({ done: content.length, total: content.length, trouble: null });
  });

  test.each([
    ['does not know HEAD', { refusesHead: true }],
    ['names no checksum', { etag: null }],
  ])('and %s: what can be checked is checked, and it is said', async (_what, options) => {
    expect(await pull(await serve(options))).toMatchObject({ checkedWith: 'nothing', bytes: content.length });
    isWhole();
  });

  test('a model that is there is not fetched again; another file of that name is', async () => {
    const server = await serve();
    await pull(server);
    expect(await pull(server)).toMatchObject({ wasThere: true });
    expect(server.ranges).toHaveLength(1);
    const newer = readFileSync(writeTinyModel(join(root, 'newer.gguf'), { seed: 2 }));
    server.options = { content: newer };
    expect(await pull(server)).toMatchObject({ wasThere: false, sha256: sha256Of(newer) });
  });
});

describe('a connection that breaks', () => {
  test('goes on where it was, as often as bytes keep coming', async () => {
    const server = await serve({ breakAfter: [100_000, 100_000, 100_000, null] });
    const troubles: string[] = [];
    const pulled = await pull(server, { onProgress: ({ trouble }) => trouble !== null && troubles.push(trouble) });
    expect(pulled.checkedWith).toBe('server');
    isWhole();
    expect(server.ranges).toHaveLength(4);
    expect(server.ranges.slice(1).every((range) => /^bytes=[1-9]\d*-$/.test(range))).toBe(true);
    expect(troubles).toHaveLength(3);
  });

  test('on a server that ignores ranges begins anew, and ends well', async () => {
    const server = await serve({ breakAfter: [100_000, null], ignoresRange: true });
    await pull(server);
    isWhole();
  });

  test('for good: what was fetched is kept, and the next call goes on from there', async () => {
    const server = await serve({ breakAfter: [200_000, 0] });
    const error = await failure(pull(server));
    expect(error.message).toContain('the same command goes on from there');
    const kept = readFileSync(`${path}.part`).length;
    expect(kept).toBeGreaterThan(0);
    server.options = { content };
    expect(await pull(server)).toMatchObject({ resumedFrom: kept, checkedWith: 'server' });
    expect(server.ranges.at(-1)).toBe(`bytes=${kept}-`);
    isWhole();
  });

  test('and a server that has another file by then: what was kept is not mixed with it', async () => {
    const server = await serve({ breakAfter: [200_000, 0] });
    await failure(pull(server));
    const newer = readFileSync(writeTinyModel(join(root, 'newer.gguf'), { seed: 2 }));
    server.options = { content: newer };
    expect(await pull(server)).toMatchObject({ resumedFrom: 0, sha256: sha256Of(newer) });
    expect(sha256Of(readFileSync(path))).toBe(sha256Of(newer));
  });

  test('an interrupt keeps what was fetched', async () => {
    const server = await serve({ breakAfter: [200_000, 0] });
    const stop = new AbortController();
    const reason = new Error('stopped');
    const stopped = pull(server, { signal: stop.signal, onProgress: () => stop.abort(reason) });
    await expect(stopped).rejects.toBe(reason);
    expect(readFileSync(`${path}.part`).length).toBeGreaterThan(0);
    expect(existsSync(path)).toBe(false);
  });
});

describe('what is wrong is thrown away, never kept under the name of a model', () => {
  test('bytes that are not what was named', async () => {
    const other = Buffer.from(content);
    other[other.length - 1] = 1 + (other.at(-1) ?? 0);
    const error = await failure(pull(await serve({ content: other, etag: `"${sha256Of(content)}"` })));
    expect(error).toMatchObject({ passing: false, message: expect.stringContaining('it was thrown away') });
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a file that is not the one whose checksum was given', async () => {
    const error = await failure(pull(await serve(), { sha256: '0'.repeat(64) }));
    expect(error.message).toContain(`not ${'0'.repeat(64)}`);
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([
    ['a web page', () => Buffer.from('<html>log in</html>'.repeat(99)), 'not a GGUF model'],
    ['half a model', () => content.subarray(0, content.length / 2), 'header announces'],
  ])('%s under the name of a model', async (_what, make, why) => {
    const error = await failure(pull(await serve({ content: make() })));
    expect(error.message).toContain('no model');
    expect(error.message).toContain(why);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('what cannot be fetched', () => {
  test.each([404, 401, 500])('status %i is told with the host', async (status) => {
    const error = await failure(pull(await serve({ status })));
    expect(error.message).toMatch(new RegExp(`^127\\.0\\.0\\.1:\\d+ answered ${status}`));
  });

  test('nobody there', async () => {
    const server = await serve();
    await servers.pop()?.close();
    expect((await failure(pull(server))).message).toContain('cannot be reached (ECONNREFUSED)');
  });

  test('without https only this machine is asked', async () => {
    const error = await failure(pullModel({ url: 'http://models.example/tiny.gguf', path, signal }));
    expect(error.message).toContain('https');
  });

  test('two do not fetch one file', async () => {
    writeFileSync(`${path}.lock`, String(process.ppid));
    expect((await failure(pull(await serve()))).message).toContain('fetching it already');
  });

  test('the lock of a process that is gone holds nobody up', async () => {
    writeFileSync(`${path}.lock`, '4194303');
    await pull(await serve());
    isWhole();
    expect(readdirSync(folder).sort()).toEqual(['tiny.gguf', 'tiny.gguf.json']);
  });
});
