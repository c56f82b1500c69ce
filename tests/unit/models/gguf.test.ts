import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ModelError } from '../../../gguf-models/errors.ts';
import { readGgufInfo } from '../../../gguf-models/gguf.ts';
import { brokenModel, writeTinyModel } from '../../support/tiny-gguf.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-gguf-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);

async function failure(path: string): Promise<ModelError> {
  const thrown: unknown = await readGgufInfo(path).catch((error: unknown) => error);
  if (!(thrown instanceof ModelError)) throw new Error(`no ModelError but ${String(thrown)}`);
  return thrown;
}

describe('a sound file', () => {
  test('says what it is', async () => {
    const info = await readGgufInfo(writeTinyModel(at('f16.gguf'), { name: 'a-name', numbers: 'f16' }));
    expect(info).toMatchObject({
      version: 3,
      architecture: 'llama',
      name: 'a-name',
      contextLength: 8192,
      quantisation: 'F16',
      hasChatTemplate: true,
    });
    expect(info.hyperparameter('block_count')).toBe(2);
    expect(info.hyperparameter('no_such_key')).toBeNull();
    expect(info.tensors).toHaveLength(21);
    expect(info.bytes).toBe(readFileSync(at('f16.gguf')).length);
  });

  test('of long lists only the length is kept', async () => {
    const info = await readGgufInfo(writeTinyModel(at('plain.gguf')));
    expect(info.metadata.get('tokenizer.ggml.tokens')).toEqual({ array: 356 });
    // The head of a router model is a list of some thousand numbers.
    expect(info.metadata.get('tokenizer.ggml.scores')).toHaveLength(356);
  });

  test('what stands after a vocabulary of megabytes is found, wherever a read of the file ends', async () => {
    const path = at('vocabulary.gguf');
    const text = (value: string) => {
      const bytes = Buffer.from(value);
      return Buffer.concat([number(bytes.length), bytes]);
    };
    const number = (value: number) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(BigInt(value));
      return bytes;
    };
    const kind = (value: number) => Buffer.from([value, 0, 0, 0]);
    const words = Array.from({ length: 60_000 }, (_, index) => text(`word ${index} `.repeat(1 + (index % 7))));
    const long = text('x'.repeat(3_000_000));
    writeFileSync(
      path,
      Buffer.concat([
        ...[Buffer.from('GGUF'), kind(3), number(1), number(3)],
        ...[text('general.architecture'), kind(8), text('llama')],
        ...[text('tokens'), kind(9), kind(8), number(words.length + 2), ...words, long, text('last')],
        ...[text('general.name'), kind(8), text('found')],
        ...[text('t'), kind(1), number(32), kind(0), number(0), Buffer.alloc(256)],
      ]),
    );
    const info = await readGgufInfo(path);
    expect(info.metadata.get('tokens')).toEqual({ array: words.length + 2 });
    expect(info.name).toBe('found');
    expect(info.tensors).toMatchObject([{ name: 't', dimensions: [32] }]);
  });

  test('the same seed makes the same file, another seed another one', () => {
    const read = (name: string, seed: number) => readFileSync(writeTinyModel(at(name), { seed }));
    expect(read('a.gguf', 3).equals(read('b.gguf', 3))).toBe(true);
    expect(read('a.gguf', 3).equals(read('b.gguf', 4))).toBe(false);
  });

  test('an embedding model says that it pools, and has no chat template', async () => {
    const info = await readGgufInfo(writeTinyModel(at('embedding.gguf'), { kind: 'embedding' }));
    expect(info.hyperparameter('pooling_type')).toBe(1);
    expect(info.hasChatTemplate).toBe(false);
  });
});

describe('a file that cannot be used is refused in one line that names it', () => {
  test.each([
    ['missing', 'model_missing', () => at('nowhere.gguf')],
    ['a folder', 'model_unreadable', () => folder],
    ['empty', 'model_empty', () => brokenModel.empty(at('empty.gguf'))],
    ['foreign', 'model_foreign', () => brokenModel.foreign(at('foreign.gguf'))],
    ['cut off in the tensors', 'model_truncated', () => brokenModel.truncated(at('cut.gguf'))],
    ['cut off in the header', 'model_truncated', () => brokenModel.truncatedInHeader(at('cut-header.gguf'))],
    ['of another version', 'model_unsupported', () => brokenModel.unsupportedVersion(at('version.gguf'))],
  ] as const)('%s: %s', async (_name, code, make) => {
    const path = make();
    const error = await failure(path);
    expect(error.code).toBe(code);
    expect(error.message).toContain(path);
    expect(error.message).not.toContain('\n');
    expect(error.retryable).toBe(false);
  });

  test('a path through a file is a missing file', async () => {
    writeFileSync(at('file'), 'x');
    expect((await failure(join(at('file'), 'model.gguf'))).code).toBe('model_missing');
  });

  test('a header that asks for impossible lengths is foreign, and costs no memory', async () => {
    const bytes = readFileSync(writeTinyModel(at('sound.gguf')));
    bytes.writeBigUInt64LE(0xffff_ffff_ffffn, 24);
    writeFileSync(at('greedy.gguf'), bytes);
    expect((await failure(at('greedy.gguf'))).code).toBe('model_foreign');
  });

  test('whatever bytes the header has, the answer is a ModelError or a description', async () => {
    const sound = readFileSync(writeTinyModel(at('sound.gguf')));
    mkdirSync(at('fuzz'));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 255 })), { maxLength: 12 }),
        async (changes) => {
          const bytes = Buffer.from(sound);
          for (const [index, byte] of changes) bytes[index] = byte;
          writeFileSync(at('fuzz/model.gguf'), bytes);
          const result: unknown = await readGgufInfo(at('fuzz/model.gguf')).catch((error: unknown) => error);
          if (result instanceof Error) expect(result).toBeInstanceOf(ModelError);
        },
      ),
      { numRuns: 200 },
    );
  });
});
