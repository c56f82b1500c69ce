/** `mesh up` refuses what can never give what was asked for, and takes what only does not answer now. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assertUsable } from '../../../cli/supervisor/preflight.ts';
import { readSettings } from '../../../config/settings.ts';
import { writeTinyModel } from '../../support/tiny-gguf.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'preflight-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const look = (env: Record<string, string>) => assertUsable(readSettings({ MESH_HOME: folder, ...env }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** As it stands in the file. */
const UNSET = ['$', '{NO_SUCH_VARIABLE}'].join('');
const servers = (entries: object): string => JSON.stringify({ mcpServers: entries });

describe('tool servers', () => {
  test.each([
    ['no JSON', '{', /no-JSON\.json: is not JSON/],
    ['no servers', '{"servers": {}}', /mcpServers must be an object/],
    ['a wrong field', servers({ a: { command: 'node', timeoutMs: 5 } }), /server "a": timeoutMs: .*"disabled": true/],
    ['nothing to start', servers({ a: {} }), /command or url is missing/],
    ['both', servers({ a: { command: 'x', url: 'http://127.0.0.1:1' } }), /exclude each other/],
    ['another protocol', servers({ a: { url: 'ws://127.0.0.1:1' } }), /must start with http/],
    ['a variable that is not set', servers({ a: { command: 'x', env: { KEY: UNSET } } }), /NO_SUCH_VARIABLE/],
    ['a name', servers({ 'a b': { command: 'x' } }), /its name must be/],
  ])('%s is refused', async (name, content, expected) => {
    const path = file(`${name.replaceAll(' ', '-')}.json`, content);
    await expect(look({ MESH_MCP_CONFIG: path })).rejects.toMatchObject({
      ...{ name: 'CliError', exitCode: 2, message: expect.stringMatching(expected) },
    });
  });

  test('all that is wrong is shown, the first in the sentence', async () => {
    const path = file('two.json', servers({ a: {}, b: { url: 'nowhere' } }));
    await expect(look({ MESH_MCP_CONFIG: path })).rejects.toMatchObject({
      message: expect.stringContaining('"a"'),
      details: [expect.stringContaining('"b"')],
    });
  });

  test('one that does not answer, is not installed, or is switched off is no reason', async () => {
    const path = file(
      'away.json',
      servers({ a: { url: 'http://127.0.0.1:1/mcp' }, b: { command: 'no-such-program' }, c: { disabled: true } }),
    );
    expect(await look({ MESH_MCP_CONFIG: path })).toEqual([]);
  });
});

describe('models', () => {
  test.each([
    ['LLM_MODEL_PATH', 'none.gguf', /^LLM_MODEL_PATH: there is no file .*none\.gguf; .*mesh models pull/],
    ['LLM_MODEL_PATH', '.', /^LLM_MODEL_PATH: .* is a folder|not a file/],
    ['ROUTER_MODEL_PATH', '/none.gguf', /^ROUTER_MODEL_PATH: there is no file \/none\.gguf/],
    ['EMBEDDING_MODEL_PATH', '/none.gguf', /^EMBEDDING_MODEL_PATH: there is no file \/none\.gguf/],
    ['LLM_ENGINE', 'llama', /LLM_ENGINE=llama needs LLM_MODEL_PATH/],
    ['LLM_ENGINE', 'openai', /LLM_ENGINE=openai needs OPENAI_BASE_URL/],
  ])('%s=%s is refused', async (name, value, expected) => {
    await expect(look({ [name]: value })).rejects.toMatchObject({
      ...{ name: 'CliError', exitCode: 2, message: expect.stringMatching(expected) },
    });
  });

  test('a file that is none of a model, empty, or cut off is refused', async () => {
    const whole = join(folder, 'whole.gguf');
    writeTinyModel(whole);
    expect(await look({ LLM_MODEL_PATH: whole, EMBEDDING_MODEL_PATH: whole })).toEqual([]);
    for (const [name, content] of [
      ['text.gguf', 'no model'],
      ['empty.gguf', ''],
      ['cut.gguf', 'GGUF\u0003'],
    ] as const)
      await expect(look({ LLM_MODEL_PATH: file(name, content) })).rejects.toMatchObject({
        message: expect.stringMatching(new RegExp(`^LLM_MODEL_PATH: .*${name}`)),
      });
  });

  test('what nobody opens is not looked at, and an endpoint may be away', async () => {
    expect(await look({ LLM_ENGINE: 'extractive', LLM_MODEL_PATH: '/none.gguf' })).toEqual([]);
    expect(await look({ ROUTER_URL: 'grpc://127.0.0.1:1', ROUTER_MODEL_PATH: '/none.gguf' })).toEqual([]);
    expect(await look({ OPENAI_BASE_URL: 'http://127.0.0.1:1/v1' })).toEqual([]);
  });
});

test('a task that ends before a generation may is told, and is no reason', async () => {
  const short = { MESH_TASK_DEADLINE_MS: '60000', LLM_TIMEOUT_MS: '600000' };
  expect(await look(short)).toEqual([]);
  expect(await look({ ...short, OPENAI_BASE_URL: 'http://127.0.0.1:1/v1' })).toEqual([
    expect.stringMatching(/MESH_TASK_DEADLINE_MS=60000 .*LLM_TIMEOUT_MS=600000/),
  ]);
});
