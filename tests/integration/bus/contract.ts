/**
 * What every bus must do. Owns: the tests that `nats-bus.ts` and `memory-bus.ts` both pass. Does not own: the server
 * behind a bus (each adapter's test file brings a harness).
 *
 * Every test has a server of its own, so crashes and losses disturb nobody. Nothing sleeps: `until` waits for an
 * observable change, with a deadline.
 */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Bus, PubAck, PublishRequest, Reader, StoredMessage } from '../../../bus/port.ts';
import { BusError } from '../../../bus/port.ts';
import type { BusHarness, Harness, Open } from './contract-support.ts';
import { collect, connected, DEADLINE_MS, failure, ownSubject, textOf, until } from './contract-support.ts';
import { testFence } from './fence-contract.ts';

const LEASE_TTL_MS = 300;

/**
 * Publishes all, a window at a time, and publishes again what was not acknowledged, in the same order. Returns how often
 * that was needed.
 * @param onSent called when a window is on its way, with how many messages were acknowledged before it
 */
async function publishAll(bus: Bus, requests: PublishRequest[], onSent: (before: number) => void): Promise<number> {
  const window = 100;
  let acknowledged = 0;
  let retries = 0;
  while (acknowledged < requests.length) {
    await connected(bus);
    const publish = (request: PublishRequest) => bus.publish(request);
    const early = requests.slice(acknowledged, acknowledged + window / 2).map(publish);
    // The first half may be with the server by now; the second is in this process still.
    await new Promise(setImmediate);
    const late = requests.slice(acknowledged + window / 2, acknowledged + window).map(publish);
    onSent(acknowledged);
    for (const outcome of await Promise.allSettled([...early, ...late])) {
      if (outcome.status === 'rejected') {
        expect(outcome.reason).toMatchObject({ code: 'unavailable', retryable: true });
        retries += 1;
        break;
      }
      acknowledged += 1;
    }
  }
  return retries;
}

export function testBusContract(label: string, startHarness: () => Promise<BusHarness>): void {
  describe(label, () => {
    let harness: BusHarness;
    let buses: Bus[] = [];

    beforeEach(async () => {
      harness = await startHarness();
    });

    afterEach(async () => {
      await Promise.all(buses.map((bus) => bus.close()));
      buses = [];
      await harness.stop();
    });

    const open = async (name = 'one', options: { leaseTtlMs?: number } = { leaseTtlMs: LEASE_TTL_MS }) => {
      const bus = await harness.connect(name, options);
      buses.push(bus);
      await bus.ensureTopology();
      return bus;
    };

    testPublishing(open);
    testFence(open, () => harness);
    testReading(open, () => harness);
    testFaults(open, () => harness);
    testLeases(open, () => harness);
    testBuckets(open, () => harness);
    testVolatile(open);
    testClosing(open, () => harness);
  });
}

function testPublishing(open: Open): void {
  describe('publishing', () => {
    test('S4: an acknowledgement carries the sequence under which the message is stored', async () => {
      const bus = await open();
      const before = await bus.streamInfo();
      const subject = ownSubject();
      const headers = { 'Content-Type': 'text/plain', traceparent: '00-1' };
      const ack = await bus.publish({ subject, body: 'héllo', msgId: 'id-1', headers });
      expect(ack).toEqual({ seq: before.lastSeq + 1, duplicate: false });
      const stored = await bus.get(ack.seq);
      expect(stored).toMatchObject({ seq: ack.seq, subject });
      expect(stored && textOf(stored)).toBe('héllo');
      expect(stored?.header('content-type')).toBe('text/plain');
      expect(stored?.header('traceparent')).toBe('00-1');
      expect(stored?.header('absent')).toBe('');
    });

    test('a message id the subject has seen is not stored again', async () => {
      const bus = await open();
      const other = await open('two');
      const subject = ownSubject();
      const first = await bus.publish({ subject, body: 'a', msgId: 'same' });
      const second = await other.publish({ subject, body: 'b', msgId: 'same' });
      expect(second).toEqual({ seq: first.seq, duplicate: true });
      expect((await bus.streamInfo()).lastSeq).toBe(first.seq);
    });

    test('an id that was taken on another subject keeps no message out, in no stream', async () => {
      const bus = await open();
      const other = await open('two');
      const subjects = [
        [ownSubject(), ownSubject()],
        ['mesh.checkpoint.tests.1', 'mesh.checkpoint.tests.2'],
        ['mesh.quarantine.taker', 'mesh.quarantine.owner'],
      ] as const;
      for (const [foreign, own] of subjects) {
        await other.publish({ subject: foreign, body: 'foreign', msgId: 'taken' });
        const mine = await bus.publish({ subject: own, body: 'own', msgId: 'taken' });
        expect(mine.duplicate).toBe(false);
        const stream = own.startsWith('mesh.checkpoint')
          ? 'checkpoints'
          : own.includes('quarantine')
            ? 'quarantine'
            : 'log';
        expect(await bus.get(mine.seq, stream)).toMatchObject({ subject: own });
      }
    });

    test('pipelined publishes are stored in the order in which they were made', async () => {
      const bus = await open();
      const subject = ownSubject();
      const pending: Promise<PubAck>[] = [];
      for (let index = 0; index < 500; index += 1) pending.push(bus.publish({ subject, body: String(index) }));
      const acks = await Promise.all(pending);
      expect(acks.map((ack) => ack.seq)).toEqual(acks.map((_, index) => (acks[0]?.seq ?? 0) + index));
    });

    test('S9: the quarantine is a stream of its own', async () => {
      const bus = await open();
      const log = await bus.streamInfo();
      const bytes = new Uint8Array([0, 255, 1]);
      const ack = await bus.publish({ subject: 'mesh.quarantine.coder', body: bytes, headers: { reason: 'schema' } });
      expect(await bus.streamInfo()).toEqual(log);
      expect((await bus.streamInfo('quarantine')).lastSeq).toBe(ack.seq);
      const stored = await bus.get(ack.seq, 'quarantine');
      expect(stored && [...stored.data]).toEqual([0, 255, 1]);
      expect(stored?.header('reason')).toBe('schema');
      const { reader, messages } = await collect(bus, {
        filter: 'mesh.quarantine.*',
        fromSeq: 1,
        stream: 'quarantine',
      });
      await reader.caughtUp;
      expect(messages.map((message) => message.seq)).toEqual([ack.seq]);
    });

    test('S8: a message over the limit of the server is refused before it is sent, with both sizes', async () => {
      const bus = await open();
      const over = new Uint8Array(bus.maxPayloadBytes + 1);
      const error = await failure(bus.publish({ subject: ownSubject(), body: over }));
      expect(error.code).toBe('refused');
      expect(error.message).toContain(String(bus.maxPayloadBytes + 1));
      expect(error.message).toContain(`takes ${bus.maxPayloadBytes}`);
      const fits = await bus.publish({ subject: ownSubject(), body: new Uint8Array(bus.maxPayloadBytes) });
      expect((await bus.get(fits.seq))?.data.length).toBe(bus.maxPayloadBytes);
    });

    test.each([
      ['a wildcard for one token', 'mesh.in.coder.*.x'],
      ['a wildcard for the rest', 'mesh.in.>'],
      ['a wildcard inside a token', 'mesh.events.a*'],
      ['a line of the protocol', 'mesh.tasks 0\r\n\r\nPUB mesh.tasks'],
      ['an empty token', 'mesh.events.'],
      ['nothing', ''],
      ['a subject that no stream stores', 'mesh.elsewhere'],
    ])('%s is refused as a subject', async (_, subject) => {
      const bus = await open();
      expect((await failure(bus.publish({ subject, body: 'x' }))).code).toBe('refused');
      expect((await bus.streamInfo()).lastSeq).toBe(0);
    });
  });
}

function testReading(open: Open, harness: Harness): void {
  describe('reading', () => {
    test('S1: from the beginning, in stream order, each once, with what was stored', async () => {
      const bus = await open();
      const subject = ownSubject();
      for (let index = 0; index < 300; index += 1) void bus.publish({ subject, body: String(index) });
      await bus.publish({ subject, body: '300', headers: { traceparent: '00-9' } });
      const { reader, messages } = await collect(bus, { filter: 'mesh.events.*', fromSeq: 1 });
      await reader.caughtUp;
      expect(messages.map(textOf)).toEqual(Array.from({ length: 301 }, (_, index) => String(index)));
      const last = messages[300];
      expect(last?.header('traceparent')).toBe('00-9');
      expect(last?.subject).toBe(subject);
      expect((await bus.get(last?.seq ?? 0))?.atMs).toBe(last?.atMs);
      expect(Math.abs((last?.atMs ?? 0) - Date.now())).toBeLessThan(DEADLINE_MS);
    });

    test('S3: from a cursor on, and then what comes later', async () => {
      const bus = await open();
      const subject = ownSubject();
      for (let index = 1; index <= 10; index += 1) await bus.publish({ subject, body: String(index) });
      const { reader, messages } = await collect(bus, { filter: subject, fromSeq: 7 });
      await reader.caughtUp;
      expect(messages.map(textOf)).toEqual(['7', '8', '9', '10']);
      await bus.publish({ subject, body: '11' });
      await until(() => messages.length === 5, 'the later message');
      expect(messages.map((message) => message.seq)).toEqual([7, 8, 9, 10, 11]);
    });

    test('a filter lets through only what matches', async () => {
      const bus = await open();
      const id = randomUUID();
      await bus.publish({ subject: `mesh.in.coder.3.${id}`, body: 'coder' });
      await bus.publish({ subject: 'mesh.tasks', body: 'task' });
      await bus.publish({ subject: `mesh.in.reviewer.3.${id}`, body: 'reviewer' });
      const coder = await collect(bus, { filter: 'mesh.in.coder.>', fromSeq: 1 });
      const inboxes = await collect(bus, { filter: 'mesh.in.*.3.*', fromSeq: 1 });
      await Promise.all([coder.reader.caughtUp, inboxes.reader.caughtUp]);
      expect(coder.messages.map(textOf)).toEqual(['coder']);
      expect(inboxes.messages.map(textOf)).toEqual(['coder', 'reviewer']);
    });

    test('caughtUp resolves when nothing is stored, when nothing matches, and when the cursor is at the end', async () => {
      const bus = await open();
      await (await collect(bus, { filter: 'mesh.in.>', fromSeq: 1 })).reader.caughtUp;
      const { seq } = await bus.publish({ subject: ownSubject(), body: 'x' });
      await (await collect(bus, { filter: 'mesh.in.>', fromSeq: 1 })).reader.caughtUp;
      const atEnd = await collect(bus, { filter: 'mesh.events.*', fromSeq: seq + 1 });
      await atEnd.reader.caughtUp;
      expect(atEnd.messages).toEqual([]);
    });

    test('a reader knows how much is still to come', async () => {
      const bus = await open();
      const subject = ownSubject();
      for (const body of ['a', 'b', 'c']) await bus.publish({ subject, body });
      const pending: number[] = [];
      let reader: Reader | null = null;
      const onMessage = () => void pending.push(reader?.pending ?? -1);
      reader = await bus.read({ filter: subject, fromSeq: 1, onMessage });
      await reader.caughtUp;
      await until(() => pending.length === 3, 'three messages');
      // One that came before the reader was handed out could not be asked.
      expect(pending.map((left, index) => left === -1 || left === 2 - index)).toEqual([true, true, true]);
      expect(reader.pending).toBe(0);
      await bus.publish({ subject, body: 'd' });
      await until(() => pending.length === 4, 'the fourth');
      expect(reader.pending).toBe(0);
    });

    test('caughtUp resolves while others keep publishing', async () => {
      const bus = await open();
      const writer = await open('writer');
      const subject = ownSubject();
      for (let index = 0; index < 50; index += 1) await writer.publish({ subject, body: String(index) });
      let writing = true;
      const written = (async () => {
        while (writing) await writer.publish({ subject, body: 'more' });
      })();
      const { reader, messages } = await collect(bus, { filter: subject, fromSeq: 1 });
      await reader.caughtUp;
      writing = false;
      await written;
      expect(messages.length).toBeGreaterThanOrEqual(50);
    });

    test('a stopped reader delivers nothing more and its caughtUp does not hang', async () => {
      const bus = await open();
      const subject = ownSubject();
      const { reader, messages } = await collect(bus, { filter: subject, fromSeq: 1 });
      await reader.caughtUp;
      await reader.stop();
      await reader.stop();
      const witness = await collect(bus, { filter: subject, fromSeq: 1 });
      await bus.publish({ subject, body: 'x' });
      await until(() => witness.messages.length === 1, 'the witness has it');
      expect(messages).toEqual([]);
      const early = await collect(bus, { filter: subject, fromSeq: 1 });
      await early.reader.stop();
      await early.reader.caughtUp.catch((thrown: unknown) => expect(thrown).toMatchObject({ code: 'closed' }));
    });

    test('a handler that throws stops its reader with an error and nothing else', async () => {
      const bus = await open();
      const subject = ownSubject();
      const errors: BusError[] = [];
      await bus.read({
        filter: subject,
        fromSeq: 1,
        onMessage: () => {
          throw new Error('a mistake in a handler');
        },
        onError: (error) => errors.push(error),
      });
      const other = await collect(bus, { filter: subject, fromSeq: 1 });
      await bus.publish({ subject, body: 'x' });
      await until(() => errors.length === 1 && other.messages.length === 1, 'the error and the other reader');
      expect(errors[0]?.cause).toMatchObject({ message: 'a mistake in a handler' });
    });

    test('readLast gives the last message of every subject that matches, in stream order', async () => {
      const bus = await open();
      const [first, second, third] = [ownSubject(), ownSubject(), ownSubject()];
      expect(await bus.readLast('mesh.events.*')).toEqual([]);
      await bus.publish({ subject: first, body: '1' });
      await bus.publish({ subject: second, body: '2' });
      await bus.publish({ subject: third, body: '3', headers: { reason: 'r' } });
      await bus.publish({ subject: first, body: '4' });
      const last = await bus.readLast('mesh.events.*');
      expect(last.map(textOf)).toEqual(['2', '3', '4']);
      expect(last[1]?.header('reason')).toBe('r');
      expect((await bus.readLast(third)).map(textOf)).toEqual(['3']);
      expect(await bus.readLast('mesh.in.>')).toEqual([]);
      const places = await bus.readLast('mesh.events.*', 'log', { bare: true });
      expect(places.map(({ seq, subject }) => [seq, subject])).toEqual(last.map(({ seq, subject }) => [seq, subject]));
    });

    test('getLast gives the last message of one subject, and null where there is none', async () => {
      const bus = await open();
      const subject = ownSubject();
      expect(await bus.getLast(subject)).toBeNull();
      await bus.publish({ subject, body: '1' });
      const { seq } = await bus.publish({ subject, body: '2', headers: { reason: 'r' } });
      await bus.publish({ subject: ownSubject(), body: '3' });
      const last = await bus.getLast(subject);
      expect(last).toMatchObject({ seq, subject });
      expect(last === null ? '' : textOf(last)).toBe('2');
      expect(last?.header('reason')).toBe('r');
      expect((await failure(bus.getLast('mesh.events.*'))).code).toBe('refused');
    });

    test('get gives null for a sequence that is not stored', async () => {
      const bus = await open();
      await bus.publish({ subject: ownSubject(), body: 'x' });
      expect(await bus.get(2)).toBeNull();
      expect((await failure(bus.get(0))).code).toBe('refused');
    });

    test('an empty stream begins after its last message', async () => {
      const bus = await open();
      expect(await bus.streamInfo()).toMatchObject({ firstSeq: 1, lastSeq: 0 });
      await bus.publish({ subject: ownSubject(), body: 'x' });
      expect(await bus.streamInfo()).toMatchObject({ firstSeq: 1, lastSeq: 1 });
    });

    test('the topology made by many at once, and again, is one', async () => {
      const many = await Promise.all(Array.from({ length: 8 }, (_, index) => open(`host-${index}`)));
      const identities = await Promise.all(many.map(async (bus) => (await bus.streamInfo()).identity));
      expect(new Set(identities).size).toBe(1);
    });

    test('a filter with a wildcard inside a token is refused', async () => {
      const bus = await open();
      for (const filter of ['mesh.in.co*', 'mesh.>.x', 'mesh in', '']) {
        expect((await failure(collect(bus, { filter, fromSeq: 1 }))).code).toBe('refused');
        expect((await failure(bus.readLast(filter))).code).toBe('refused');
      }
    });

    test('without a stream, reading and publishing may be tried again later', async () => {
      const bus = await open();
      await harness().wipe();
      expect((await failure(bus.publish({ subject: ownSubject(), body: 'x' }))).code).toBe('unavailable');
      expect((await failure(collect(bus, { filter: 'mesh.in.>', fromSeq: 1 }))).code).toBe('unavailable');
      expect((await failure(bus.streamInfo())).code).toBe('unavailable');
    });
  });
}

function testFaults(open: Open, harness: Harness): void {
  describe('faults', () => {
    test('S1, S4: the server dies in the middle of 2,000 publishes: every message once and in order', async () => {
      const writer = await open('writer');
      const bus = await open('reader');
      const subject = ownSubject();
      const messages: StoredMessage[] = [];
      const errors: BusError[] = [];
      let crash: Promise<void> | null = null;
      await bus.read({
        filter: subject,
        fromSeq: 1,
        onMessage: (message) => messages.push(message),
        onError: (error) => errors.push(error),
      });
      const requests = Array.from({ length: 2000 }, (_, index) => ({
        subject,
        body: String(index),
        msgId: `m-${index}`,
      }));
      const retries = await publishAll(writer, requests, (before) => {
        if (before >= 700) crash ??= harness().kill().then(harness().start);
      });
      expect(retries).toBeGreaterThan(0);
      await crash;
      await until(() => messages.length >= 2000, 'all messages at the reader');
      expect(errors).toEqual([]);
      expect(messages.map(textOf)).toEqual(requests.map((request) => request.body));
      expect(messages.every((message, index) => index === 0 || message.seq > (messages[index - 1]?.seq ?? 0))).toBe(
        true,
      );
    });

    test('S4: publishes under way when the server dies fail at once, not when it is back', async () => {
      const bus = await open();
      const subject = ownSubject();
      const body = new Uint8Array(2000);
      const pending = Array.from({ length: 5000 }, () => bus.publish({ subject, body }));
      const outcomes = Promise.allSettled(pending);
      await harness().kill();
      const diedAt = performance.now();
      const rejected = (await outcomes).filter((outcome) => outcome.status === 'rejected');
      expect(rejected.length).toBeGreaterThan(0);
      for (const { reason } of rejected) expect(reason).toMatchObject({ code: 'unavailable' });
      expect(performance.now() - diedAt).toBeLessThan(DEADLINE_MS / 2);
    });

    test('the duplicate window survives a crash of the server', async () => {
      const bus = await open();
      const request = { subject: ownSubject(), body: 'x', msgId: 'kept' };
      const first = await bus.publish(request);
      await harness().kill();
      await harness().start();
      await connected(bus);
      expect(await bus.publish(request)).toEqual({ seq: first.seq, duplicate: true });
    });

    test('while the server is away everything fails at once and the bus says so', async () => {
      const bus = await open();
      const states: boolean[] = [];
      bus.onConnection((isUp) => states.push(isUp));
      expect(states).toEqual([true]);
      await harness().kill();
      await until(() => states.length === 2, 'the bus notices');
      const begun = performance.now();
      expect((await failure(bus.publish({ subject: ownSubject(), body: 'x' }))).code).toBe('unavailable');
      expect((await failure(bus.streamInfo())).code).toBe('unavailable');
      expect((await failure(bus.leases.beat('me'))).code).toBe('unavailable');
      bus.publishVolatile('mesh.tokens.x', 'dropped');
      expect(performance.now() - begun).toBeLessThan(DEADLINE_MS / 2);
      await harness().start();
      await until(() => states.length === 3, 'the bus is back');
      expect(states).toEqual([true, false, true]);
      await bus.publish({ subject: ownSubject(), body: 'x' });
    });

    test('S10: a stream made anew has another identity, and a reader over the old one stops with an error', async () => {
      const bus = await open();
      const before = await bus.streamInfo();
      const subject = ownSubject();
      await bus.publish({ subject, body: 'x' });
      const { reader, messages, errors } = await collect(bus, { filter: subject, fromSeq: 1 });
      await reader.caughtUp;
      await harness().wipe();
      await bus.ensureTopology();
      expect((await bus.streamInfo()).identity).not.toBe(before.identity);
      await bus.publish({ subject, body: 'of another stream' });
      await until(() => errors.length === 1, 'the error of the reader');
      expect(errors[0]?.code).toBe('unavailable');
      expect(messages.map(textOf)).toEqual(['x']);
    });

    test('S10: a stream that lost its end under a reader is told', async () => {
      const bus = await open();
      const subject = ownSubject();
      await bus.publish({ subject, body: 'kept' });
      const before = await bus.streamInfo();
      const { messages, errors } = await collect(bus, { filter: subject, fromSeq: 1 });
      await harness().powerLossAfter(async () => {
        await connected(bus);
        await bus.publish({ subject, body: 'lost' });
        await until(() => messages.length === 2, 'the reader has both');
      });
      await until(() => errors.length === 1, 'the error of the reader');
      expect(errors[0]?.message).toMatch(/cut short/);
      await connected(bus);
      expect(await bus.streamInfo()).toEqual(before);
    });
  });
}

function testLeases(open: Open, harness: Harness): void {
  describe('leases', () => {
    test('S7: of two that race for a lease one wins, fifty times', async () => {
      const [one, two] = [await open('one'), await open('two')];
      for (let round = 0; round < 50; round += 1) {
        const key = `coder.${round}`;
        const claims = await Promise.all([one.leases.claim(key, 'one'), two.leases.claim(key, 'two')]);
        expect(claims.filter((claim) => claim.granted)).toHaveLength(1);
        const loser = claims.find((claim) => !claim.granted);
        expect(loser).toEqual({ granted: false, holder: claims[0]?.granted ? 'one' : 'two' });
      }
    });

    test('S7: a lease is taken over when its holder is silent, not before, with a larger fence', async () => {
      const [one, two] = [await open('one'), await open('two')];
      const first = await one.leases.claim('coder.0', 'one');
      if (!first.granted) throw new Error('the first claim must be granted');
      const aliveUntil = performance.now() + 3 * LEASE_TTL_MS;
      let lastBeat = 0;
      await until(async () => {
        expect(await two.leases.claim('coder.0', 'two')).toEqual({ granted: false, holder: 'one' });
        lastBeat = performance.now();
        await one.leases.beat('one');
        return performance.now() > aliveUntil;
      }, 'the holder has lived for a while');
      let fence = 0;
      await until(async () => {
        await two.leases.beat('two');
        const claim = await two.leases.claim('coder.0', 'two');
        if (claim.granted) fence = claim.fence;
        return claim.granted;
      }, 'the lease is taken over');
      // Claimants may measure in whole milliseconds.
      expect(performance.now() - lastBeat).toBeGreaterThan(LEASE_TTL_MS - 1);
      expect(fence).toBeGreaterThan(first.fence);
      expect(await one.leases.confirm('coder.0', 'one', first.fence)).toBe(false);
      expect(await one.leases.confirm('coder.0', 'two', fence)).toBe(true);
      expect(await one.leases.claim('coder.0', 'one')).toEqual({ granted: false, holder: 'two' });
    });

    /** Who judges others beats itself. */
    const takesOver = async ({ leases }: Bus, key: string): Promise<boolean> => {
      await leases.beat('two');
      return (await leases.claim(key, 'two')).granted;
    };

    test('S7: who has not beaten itself finds nobody silent', async () => {
      const [one, two] = [await open('one'), await open('two')];
      await one.leases.claim('coder.6', 'one');
      const seenAt = performance.now();
      await until(async () => {
        expect((await two.leases.claim('coder.6', 'two')).granted).toBe(false);
        return performance.now() - seenAt > 2 * LEASE_TTL_MS;
      }, 'longer than the time to live');
      await until(() => takesOver(two, 'coder.6'), 'the lease is taken over');
    });

    test('S7: a holder that was found silent learns it at its next beat, and only then', async () => {
      const [one, two] = [await open('one'), await open('two')];
      await one.leases.claim('coder.4', 'one');
      expect(await one.leases.beat('one'), 'the first beat of a life cannot know').toBe(false);
      expect(await one.leases.beat('one')).toBe(true);
      await until(() => takesOver(two, 'coder.4'), 'the lease is taken over');
      expect(await one.leases.beat('one')).toBe(false);
      expect(await one.leases.beat('one')).toBe(true);
      expect((await two.leases.claim('coder.5', 'two')).granted).toBe(true);
    });

    test('S7: a holder that was found silent once is silent for every claim until it beats', async () => {
      const [one, two, three] = [await open('one'), await open('two'), await open('three')];
      await one.leases.beat('one');
      await Promise.all(['a', 'b', 'c'].map((key) => one.leases.claim(key, 'one')));
      await until(() => takesOver(two, 'a'), 'the lease is taken over');
      expect((await two.leases.claim('b', 'two')).granted).toBe(true);
      expect((await three.leases.claim('c', 'three')).granted).toBe(true);
      await one.leases.beat('one');
      await two.leases.beat('two');
      expect((await three.leases.claim('b', 'three')).granted).toBe(false);
    });

    test('S7: a holder that comes back under its name has its lease at once, with a larger fence', async () => {
      const bus = await open();
      const before = await bus.leases.claim('coder.1', 'host/α.1');
      const again = await open('again');
      const after = await again.leases.claim('coder.1', 'host/α.1');
      if (!before.granted || !after.granted) throw new Error('both must be granted');
      expect(after.fence).toBeGreaterThan(before.fence);
      expect(await bus.leases.confirm('coder.1', 'host/α.1', before.fence)).toBe(false);
      expect(await bus.leases.confirm('coder.1', 'host/α.1', after.fence)).toBe(true);
    });

    test('a released lease is free at once and keeps its fence growing; a stale release does nothing', async () => {
      const bus = await open();
      const first = await bus.leases.claim('coder.2', 'one');
      if (!first.granted) throw new Error('must be granted');
      await bus.leases.release('coder.2', 'one', first.fence - 1);
      expect(await bus.leases.confirm('coder.2', 'one', first.fence)).toBe(true);
      await bus.leases.release('coder.2', 'one', first.fence);
      expect(await bus.leases.confirm('coder.2', 'one', first.fence)).toBe(false);
      const second = await bus.leases.claim('coder.2', 'two');
      expect(second.granted && second.fence > first.fence).toBe(true);
    });

    test('names that look alike in a key stay different, and wildcards in them are only text', async () => {
      const bus = await open();
      const keys = ['a.b', 'a=2Eb', 'a*', 'a>', 'a b', '>'];
      const claims = await Promise.all(keys.map((key, index) => bus.leases.claim(key, `holder ${index}`)));
      expect(claims.every((claim) => claim.granted)).toBe(true);
      expect((await failure(bus.leases.claim('', 'x'))).code).toBe('refused');
      expect((await failure(bus.leases.claim('x', ''))).code).toBe('refused');
    });

    test('while the server was away nobody could beat: the silence counts from its return', async () => {
      const [one, two] = [await open('one'), await open('two')];
      await one.leases.claim('coder.3', 'one');
      expect((await two.leases.claim('coder.3', 'two')).granted).toBe(false);
      const seenAt = performance.now();
      await harness().kill();
      await until(() => performance.now() - seenAt > 2 * LEASE_TTL_MS, 'longer than the time to live');
      await harness().start();
      await connected(two);
      expect((await two.leases.claim('coder.3', 'two')).granted).toBe(false);
    });

    test('of sixty claims at once each is granted', async () => {
      const bus = await open();
      const claims = await Promise.all(Array.from({ length: 60 }, (_, index) => bus.leases.claim(`p.${index}`, 'me')));
      expect(claims.every((claim) => claim.granted)).toBe(true);
    });
  });
}

function testBuckets(open: Open, harness: Harness): void {
  describe('buckets', () => {
    test('what was put is read back, until it is deleted', async () => {
      const bus = await open();
      const config = bus.kv('config');
      expect(await config.get('OBS_MODE')).toBeNull();
      const revision = await config.put('OBS_MODE', 'full');
      expect(await config.get('OBS_MODE')).toMatchObject({ key: 'OBS_MODE', value: 'full', revision });
      expect(await config.put('OBS_MODE', 'off')).toBeGreaterThan(revision);
      await config.put('other/key.x', 'ü');
      const entries = await config.entries();
      expect(entries.map((entry) => [entry.key, entry.value])).toEqual([
        ['OBS_MODE', 'off'],
        ['other/key.x', 'ü'],
      ]);
      await config.delete('OBS_MODE');
      expect(await config.get('OBS_MODE')).toBeNull();
      expect((await config.entries()).map((entry) => entry.key)).toEqual(['other/key.x']);
      expect(await bus.kv('registry').entries()).toEqual([]);
    });

    test('a watch tells later changes and deletions in order, also over a crash of the server', async () => {
      const [bus, writer] = [await open('one'), await open('two')];
      const told: [string, string | null][] = [];
      await writer.kv('config').put('early', '0');
      const end = await bus.kv('config').watch((key, value) => told.push([key, value]));
      await writer.kv('config').put('a', '1');
      await writer.kv('config').delete('a');
      await until(() => told.length === 2, 'both changes');
      await harness().kill();
      await harness().start();
      await connected(writer);
      await writer.kv('config').put('b', '2');
      await until(() => told.length === 3, 'the change after the crash');
      expect(told).toEqual([
        ['a', '1'],
        ['a', null],
        ['b', '2'],
      ]);
      end();
      const witness: string[] = [];
      await bus.kv('config').watch((key) => witness.push(key));
      await writer.kv('config').put('c', '3');
      await until(() => witness.length === 1, 'the witness has it');
      expect(told).toHaveLength(3);
    });

    test('a watch goes on over a bucket made anew', async () => {
      const bus = await open();
      const told: string[] = [];
      await bus.kv('registry').watch((key) => told.push(key));
      await harness().wipe();
      await bus.ensureTopology();
      await bus.kv('registry').put('after', 'x');
      await until(() => told.includes('after'), 'the value in the new bucket');
    });

    test.each(['', '*', 'a.*', '>', 'a b', '.a', 'a.', 'a..b', 'a\r\nb'])('%j is refused as a key', async (key) => {
      const bus = await open();
      await bus.kv('config').put('mine', 'x');
      expect((await failure(bus.kv('config').get(key))).code).toBe('refused');
      expect((await failure(bus.kv('config').put(key, 'x'))).code).toBe('refused');
      expect((await failure(bus.kv('config').delete(key))).code).toBe('refused');
      expect(await bus.kv('config').entries()).toHaveLength(1);
    });
  });
}

function testVolatile(open: Open): void {
  describe('volatile messages', () => {
    test('reach who listens, in order, until it does not any more', async () => {
      const [bus, sender] = [await open('one'), await open('two')];
      const heard: string[] = [];
      const end = bus.subscribeVolatile('mesh.tokens.*', (subject, data) => {
        heard.push(`${subject} ${new TextDecoder().decode(data)}`);
      });
      // A round trip, so that the server knows the subscription.
      await bus.streamInfo();
      for (const token of ['a', 'b', 'c']) sender.publishVolatile('mesh.tokens.x', token);
      await until(() => heard.length === 3, 'three tokens');
      expect(heard).toEqual(['mesh.tokens.x a', 'mesh.tokens.x b', 'mesh.tokens.x c']);
      end();
      await bus.streamInfo();
      const witness: string[] = [];
      bus.subscribeVolatile('mesh.tokens.*', (subject) => witness.push(subject));
      await bus.streamInfo();
      sender.publishVolatile('mesh.tokens.x', 'd');
      await until(() => witness.length === 1, 'the witness has it');
      expect(heard).toHaveLength(3);
    });

    test('a request is answered by everyone who answers it, and by nobody after they ended', async () => {
      const [one, two, asker] = [await open('one'), await open('two'), await open('three')];
      const ends = [one, two].map((bus, index) =>
        bus.answerVolatile('mesh.ask.*', (subject, data) => `${index} ${subject} ${new TextDecoder().decode(data)}`),
      );
      one.answerVolatile('mesh.ask.*', () => null);
      await Promise.all([one.streamInfo(), two.streamInfo()]);
      const answers = await asker.askVolatile('mesh.ask.x', 'who?', { answers: 2, limitMs: DEADLINE_MS });
      const texts = answers.map((answer) => new TextDecoder().decode(answer)).sort();
      expect(texts).toEqual(['0 mesh.ask.x who?', '1 mesh.ask.x who?']);
      for (const end of ends) end();
      await Promise.all([one.streamInfo(), two.streamInfo()]);
      expect(await asker.askVolatile('mesh.ask.x', 'who?', { answers: 1, limitMs: 100 })).toEqual([]);
    });

    test('a request that nobody listens to has no answers, at once', async () => {
      const bus = await open();
      const began = performance.now();
      expect(await bus.askVolatile('mesh.nobody', '', { answers: 1, limitMs: DEADLINE_MS })).toEqual([]);
      expect(performance.now() - began).toBeLessThan(DEADLINE_MS / 2);
      await expect(bus.askVolatile('mesh.*', '', { answers: 1, limitMs: 10 })).rejects.toThrow(BusError);
      expect(() => bus.answerVolatile('mesh.tok*', () => null)).toThrow(BusError);
    });

    test('a wildcard is refused as a subject to publish to', async () => {
      const bus = await open();
      expect(() => bus.publishVolatile('mesh.tokens.*', 'x')).toThrow(BusError);
      expect(() => bus.subscribeVolatile('mesh.tok*', () => undefined)).toThrow(BusError);
    });
  });
}

function testClosing(open: Open, harness: Harness): void {
  describe('closing', () => {
    test('what was published before closing is acknowledged, and later calls are refused as closed', async () => {
      const bus = await open();
      const other = await open('two');
      const subject = ownSubject();
      const { messages } = await collect(bus, { filter: subject, fromSeq: 1 });
      const pending = Array.from({ length: 200 }, (_, index) => bus.publish({ subject, body: String(index) }));
      const [acks] = await Promise.all([Promise.all(pending), bus.close()]);
      expect(acks).toHaveLength(200);
      await bus.close();
      expect((await failure(bus.publish({ subject, body: 'x' }))).code).toBe('closed');
      expect((await failure(bus.streamInfo())).code).toBe('closed');
      expect((await failure(bus.leases.beat('x'))).code).toBe('closed');
      const before = messages.length;
      await other.publish({ subject, body: 'later' });
      expect((await other.streamInfo()).lastSeq).toBe(201);
      expect(messages).toHaveLength(before);
    });

    test('closing does not hang while the server is away', async () => {
      const bus = await open();
      await collect(bus, { filter: 'mesh.in.>', fromSeq: 1 });
      await bus.kv('config').watch(() => undefined);
      const states: boolean[] = [];
      bus.onConnection((isUp) => states.push(isUp));
      await harness().kill();
      await until(() => states.includes(false), 'the bus notices');
      const begun = performance.now();
      await bus.close();
      expect(performance.now() - begun).toBeLessThan(DEADLINE_MS);
    });
  });
}
