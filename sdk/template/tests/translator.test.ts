/** Run by `npm test`, with nothing but Node. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { glossary } from '../tools/glossary.ts';

const call = { signal: new AbortController().signal, idempotencyKey: 'a-test', heartbeat: () => undefined };

test('the glossary knows a word', async () => {
  assert.equal(await glossary.run({ word: 'mesh' }, call), 'mesh is Netz');
});

test('the glossary refuses what its schema does not allow', async () => {
  await assert.rejects(glossary.run({ words: 'mesh' }, call), /cannot be called like this/);
});
