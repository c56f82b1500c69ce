/** Signatures of what is in the log: what holds, what does not, and that nothing else about the bus changes. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createMemoryBus, createMemoryLog, type MemoryLog } from '../../../bus/memory-bus.ts';
import type { Bus, BusError, StoredMessage } from '../../../bus/port.ts';
import { distrust, keyId, publicKeyOf, publicText, type Signing, signatureOf } from '../../../bus/signatures.ts';
import { signedBus } from '../../../bus/signed-bus.ts';
import { testBusContract } from '../../integration/bus/contract.ts';
import { memoryHarness } from '../../support/memory-harness.ts';

const TASK = '0b0ae3f0-7a0c-4c0e-9a54-0c8d3a1f2b11';
const FACTS = `mesh.events.${TASK}`;

interface Keys {
  readonly id: string;
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
}

function keys(): Keys {
  const { privateKey: key, publicKey } = generateKeyPairSync('ed25519');
  return { id: keyId(publicKey), key, publicKey };
}

const own = keys();
const stranger = keys();
const signingWith = (one: Keys | null, trusted: readonly Keys[] = [own], unsignedBeforeMs = 0): Signing => ({
  own: one,
  trusted: new Map(trusted.map(({ id, publicKey }) => [id, publicKey])),
  unsignedBeforeMs,
});

const passedOver: string[] = [];
const signed = (log: MemoryLog, signing = signingWith(own)): Bus =>
  signedBus(createMemoryBus(log), signing, (reason) => passedOver.push(reason));

async function logWithStreams(): Promise<MemoryLog> {
  const log = createMemoryLog();
  await createMemoryBus(log).ensureTopology();
  return log;
}

async function all(bus: Bus, filter: string): Promise<StoredMessage[]> {
  const found: StoredMessage[] = [];
  const reader = await bus.read({ filter, fromSeq: 1, onMessage: (message) => void found.push(message) });
  await reader.caughtUp;
  await reader.stop();
  return found;
}

testBusContract('memory-bus, signed', () =>
  memoryHarness(false, (bus) => signedBus(bus, signingWith(own), () => undefined)),
);

describe('a signature', () => {
  const message = {
    subject: FACTS,
    headers: [['ce-id', '1']] as [string, string][],
    body: Buffer.from('{"a":1}'),
    atMs: 5,
  };
  const signature = signatureOf(message, own);

  test('holds for what was signed, whatever the server adds', () => {
    const stored = {
      ...message,
      headers: [['Nats-Expected-Last-Sequence', '4'], ...message.headers] as [string, string][],
    };
    expect(distrust(stored, signature, signingWith(null))).toBeNull();
    expect(signatureOf(message, own)).toBe(signature);
  });

  test.each<[string, Partial<typeof message>]>([
    ['another body', { body: Buffer.from('{"a":2}') }],
    ['another subject', { subject: `${FACTS}0` }],
    ['another header', { headers: [['ce-id', '2']] }],
    [
      'one header more',
      {
        headers: [
          ['ce-id', '1'],
          ['ce-type', 'x'],
        ],
      },
    ],
    ['one header fewer', { headers: [] }],
    [
      'another message id',
      {
        headers: [
          ['ce-id', '1'],
          ['Nats-Msg-Id', 'x'],
        ],
      },
    ],
  ])('does not hold for %s', (_what, change) => {
    expect(distrust({ ...message, ...change }, signature, signingWith(null))).toMatch(/does not hold/);
  });

  test('needs a key that is trusted, and a form', () => {
    const foreign = signatureOf(message, stranger);
    expect(distrust(message, foreign, signingWith(own))).toContain(`the key ${stranger.id}, which is not trusted`);
    expect(distrust(message, foreign, signingWith(own, [own, stranger]))).toBeNull();
    expect(distrust(message, signature.slice(0, -1), signingWith(own))).toMatch(/form/);
    expect(distrust(message, '', signingWith(own))).toMatch(/not signed/);
    expect(distrust(message, '', signingWith(own, [own], 6))).toBeNull();
    expect(distrust(message, '', signingWith(own, [own], 5))).toMatch(/not signed/);
  });

  test('names its key by the public half, which goes through text', () => {
    expect(keyId(publicKeyOf(publicText(own.key)))).toBe(own.id);
    expect(() => publicKeyOf('short')).toThrow(/32 bytes/);
  });
});

describe('a message that is not trusted', () => {
  test('is handed over with its fault where it is for an actor or from outside', async () => {
    const log = await logWithStreams();
    await createMemoryBus(log).publish({ subject: 'mesh.tasks', body: 'hello' });
    await signed(log).publish({ subject: 'mesh.tasks', body: 'hello' });
    const [forged, own1] = await all(signed(log), 'mesh.tasks');
    expect(forged?.distrust).toMatch(/not signed/);
    expect(own1?.distrust).toBeUndefined();
  });

  test('is passed over where it is a fact, in every way of reading', async () => {
    const log = await logWithStreams();
    const { seq } = await createMemoryBus(log).publish({ subject: FACTS, body: '{"type":"done"}' });
    const bus = signed(log);
    passedOver.length = 0;
    expect(await all(bus, 'mesh.events.*')).toEqual([]);
    expect([await bus.get(seq), await bus.getLast(FACTS), await bus.readLast(FACTS)]).toEqual([null, null, []]);
    expect(passedOver).toHaveLength(4);
    expect(passedOver[0]).toContain(`message ${seq} of ${FACTS}: it is not signed`);
  });

  test('ends the reading where it is a record, and names it', async () => {
    const log = await logWithStreams();
    const subject = 'mesh.journal.agents.3';
    await signed(log).publish({ subject, body: '[1]' });
    const { seq } = await createMemoryBus(log).publish({ subject, body: '[2]' });
    const found: StoredMessage[] = [];
    const { promise, resolve } = Promise.withResolvers<BusError>();
    const request = { filter: subject, fromSeq: 1, onError: resolve };
    const reader = await signed(log).read({ ...request, onMessage: (message) => void found.push(message) });
    await expect(reader.caughtUp).rejects.toThrow(`message ${seq} of ${subject}: it is not signed`);
    expect((await promise).message).toContain('nats stream rmm');
    expect(found).toHaveLength(1);
    await expect(signed(log).getLast(subject)).rejects.toThrow(/not signed/);
  });
});
