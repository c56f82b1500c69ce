/** Records on a server that compresses no stream: which are packed, and that nothing that looks like one breaks a reader. */
import { expect, test } from 'vitest';
import { ENCODING_HEADER, packedBody, packedHeaders, unpackedBody } from '../../../bus/packed-body.ts';

const JOURNAL = 'mesh.journal.agents.3';
const record = Buffer.from(JSON.stringify([{ data: 'what happened, and what it caused; '.repeat(60) }]));
const sent = (): Map<string, string> => new Map([...Object.entries(packedHeaders), ['content-type', 'text/plain']]);

test.each([
  ['a record, on an old server', '2.9.10', JOURNAL, record, true],
  ['a record, where the server compresses', '2.10.23', JOURNAL, record, false],
  ['a large record, where the server compresses', '2.10.23', JOURNAL, Buffer.alloc(32 * 1024, record), true],
  ['a fact, which anybody reads', '2.9.10', 'mesh.events.1', record, false],
  ['a short record', '2.9.10', JOURNAL, record.subarray(0, 200), false],
  ['what does not get smaller', '2.9.10', JOURNAL, crypto.getRandomValues(new Uint8Array(4096)), false],
])('%s', (_what, version, subject, body, isPacked) => {
  const packed = packedBody(version, subject, body);
  expect(packed !== null).toBe(isPacked);
  if (packed === null) return;
  expect(packed.byteLength).toBeLessThan(body.byteLength / 4);
  const headers = sent();
  expect(
    Buffer.compare(
      unpackedBody(subject, packed, () => headers),
      body,
    ),
  ).toBe(0);
  expect([...headers]).toEqual([['content-type', 'text/plain']]);
});

test('S9: what is no packed record is read as it is', () => {
  const packed = packedBody('2.9.10', JOURNAL, record);
  if (packed === null) throw new Error('it is not packed');
  const cut = packed.subarray(0, 40);
  const headers = sent();
  for (const [subject, body] of [
    [JOURNAL, cut] as const,
    [JOURNAL, record] as const,
    ['mesh.in.coder.1', packed] as const,
  ])
    expect(unpackedBody(subject, body, () => headers)).toBe(body);
  expect(headers.get(ENCODING_HEADER)).toBe('zstd');
  expect(unpackedBody(JOURNAL, packed, () => new Map())).toBe(packed);
});
