/**
 * What every bus must do for a journal: the fence of a subject, the checkpoints' own stream, and purging. Owns: those
 * tests of the contract (`contract.ts` runs them). Does not own: what a journal holds.
 */
import { describe, expect, test } from 'vitest';
import type { Bus } from '../../../bus/port.ts';
import { checkpointSubject, journalSubject } from '../../../schemas/events/subjects.ts';
import type { Harness, Open } from './contract-support.ts';
import { collect, connected, failure, ownSubject, textOf, until } from './contract-support.ts';

const JOURNAL = journalSubject('coder', 3);
const CHECKPOINTS = checkpointSubject('coder', 3);

export function testFence(open: Open, harness: Harness): void {
  testExpectations(open, harness);
  testCheckpoints(open);
  testPurging(open, harness);
}

function testExpectations(open: Open, harness: Harness): void {
  describe('expecting a last sequence', () => {
    test('J4: of two that expect the same one is stored, the other is a conflict and not worth a retry', async () => {
      const [bus, zombie] = [await open(), await open('zombie')];
      const first = await bus.publish({ subject: JOURNAL, body: '1', msgId: 'a', expectLastSeq: 0 });
      const second = await bus.publish({ subject: JOURNAL, body: '2', msgId: 'b', expectLastSeq: first.seq });
      const stale = { subject: JOURNAL, body: 'zombie', msgId: 'z', expectLastSeq: first.seq };
      const error = await failure(zombie.publish(stale));
      expect(error.code).toBe('conflict');
      expect(error.retryable).toBe(false);
      expect(error.message).toContain(JOURNAL);
      expect((await bus.streamInfo()).lastSeq).toBe(second.seq);
      // A refused id is not a known one.
      const taken = await zombie.publish({ ...stale, expectLastSeq: second.seq });
      expect(taken).toEqual({ seq: second.seq + 1, duplicate: false });
    });

    test('J4: of many at once one is stored', async () => {
      const buses = await Promise.all(['a', 'b', 'c', 'd'].map((name) => open(name)));
      let lastSeq = 0;
      for (let round = 0; round < 25; round += 1) {
        const tries = buses.map((bus, index) =>
          bus.publish({ subject: JOURNAL, body: 'x', msgId: `${round}-${index}`, expectLastSeq: lastSeq }),
        );
        const outcomes = await Promise.allSettled(tries);
        const stored = outcomes.filter((outcome) => outcome.status === 'fulfilled');
        expect(stored.map(({ value }) => value)).toEqual([{ seq: lastSeq + 1, duplicate: false }]);
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'conflict' });
        }
        lastSeq += 1;
      }
    });

    test('only the messages of the same subject count', async () => {
      const bus = await open();
      const { seq } = await bus.publish({ subject: JOURNAL, body: '1', expectLastSeq: 0 });
      await bus.publish({ subject: journalSubject('coder', 4), body: 'other', expectLastSeq: 0 });
      await bus.publish({ subject: ownSubject(), body: 'fact' });
      expect((await bus.publish({ subject: JOURNAL, body: '2', expectLastSeq: seq })).seq).toBe(seq + 3);
      expect((await failure(bus.publish({ subject: JOURNAL, body: '3', expectLastSeq: 0 }))).code).toBe('conflict');
      expect((await failure(bus.publish({ subject: JOURNAL, body: '3', expectLastSeq: seq + 9 }))).code).toBe(
        'conflict',
      );
    });

    test('a repeated publish is not stored again, whether the server calls it a duplicate or a conflict', async () => {
      const bus = await open();
      const request = { subject: JOURNAL, body: '1', msgId: 'same', expectLastSeq: 0 };
      const first = await bus.publish(request);
      if (harness().repeated === 'duplicate') {
        expect(await bus.publish(request)).toEqual({ seq: first.seq, duplicate: true });
      } else {
        expect((await failure(bus.publish(request))).code).toBe('conflict');
      }
      expect(await bus.publish({ ...request, expectLastSeq: first.seq })).toEqual({ seq: first.seq, duplicate: true });
      expect((await bus.streamInfo()).lastSeq).toBe(first.seq);
    });

    test.each([-1, 1.5, Number.NaN, 2 ** 53])('%d is not a last sequence', async (expectLastSeq) => {
      const bus = await open();
      expect((await failure(bus.publish({ subject: JOURNAL, body: 'x', expectLastSeq }))).code).toBe('refused');
      expect((await bus.streamInfo()).lastSeq).toBe(0);
    });

    test('J4: the fence holds after a crash of the server', async () => {
      const bus = await open();
      const { seq } = await bus.publish({ subject: JOURNAL, body: '1', expectLastSeq: 0 });
      await harness().kill();
      await harness().start();
      await connected(bus);
      expect((await failure(bus.publish({ subject: JOURNAL, body: 'x', expectLastSeq: 0 }))).code).toBe('conflict');
      expect((await bus.publish({ subject: JOURNAL, body: '2', expectLastSeq: seq })).seq).toBe(seq + 1);
    });
  });
}

function testCheckpoints(open: Open): void {
  describe('journal and checkpoints', () => {
    test('checkpoints are a stream of their own, with a fence and a duplicate window', async () => {
      const bus = await open();
      const log = await bus.streamInfo();
      const request = { subject: CHECKPOINTS, body: 'state', msgId: 'c-1' };
      const { seq } = await bus.publish({ ...request, expectLastSeq: 0 });
      expect(await bus.publish(request)).toEqual({ seq, duplicate: true });
      expect((await failure(bus.publish({ subject: CHECKPOINTS, body: 'x', expectLastSeq: 0 }))).code).toBe('conflict');
      expect(await bus.streamInfo()).toEqual(log);
      expect((await bus.streamInfo('checkpoints')).lastSeq).toBe(seq);
      expect(await bus.getLast(CHECKPOINTS)).toBeNull();
      const last = await bus.getLast(CHECKPOINTS, 'checkpoints');
      expect(last && textOf(last)).toBe('state');
      const { reader, messages } = await collect(bus, { filter: CHECKPOINTS, fromSeq: 1, stream: 'checkpoints' });
      await reader.caughtUp;
      expect(messages.map(textOf)).toEqual(['state']);
    });

    test('the ends of all journals are found without their data', async () => {
      const bus = await open();
      const subjects = [0, 1, 2].map((partition) => journalSubject('coder', partition));
      for (const body of ['1', '2']) for (const subject of subjects) await bus.publish({ subject, body });
      await bus.publish({ subject: ownSubject(), body: 'fact' });
      const ends = await bus.readLast('mesh.journal.*.*', 'log', { bare: true });
      expect(ends.map(({ seq, subject }) => [seq, subject])).toEqual(
        subjects.map((subject, index) => [4 + index, subject]),
      );
      const last = await bus.getLast(subjects[1] ?? '');
      expect(last && [last.seq, textOf(last)]).toEqual([5, '2']);
    });
  });
}

async function publishEach(bus: Bus, subjects: readonly string[]): Promise<number[]> {
  const seqs: number[] = [];
  for (const subject of subjects) seqs.push((await bus.publish({ subject, body: String(seqs.length + 1) })).seq);
  return seqs;
}

async function stored(bus: Bus, filter: string): Promise<number[]> {
  const { reader, messages } = await collect(bus, { filter, fromSeq: 1, stream: 'checkpoints' });
  await reader.caughtUp;
  await reader.stop();
  return messages.map(({ seq }) => seq);
}

function testPurging(open: Open, harness: Harness): void {
  describe('purging', () => {
    const other = checkpointSubject('coder', 4);

    test('what is before the sequence goes; that one, later ones and other subjects stay', async () => {
      const bus = await open();
      await publishEach(bus, [CHECKPOINTS, other, CHECKPOINTS, CHECKPOINTS, CHECKPOINTS]);
      await bus.purge(CHECKPOINTS, 4, 'checkpoints');
      expect(await stored(bus, '>')).toEqual([2, 4, 5]);
      expect(await bus.streamInfo('checkpoints')).toMatchObject({ firstSeq: 2, lastSeq: 5 });
      expect(await bus.get(1, 'checkpoints')).toBeNull();
      expect((await bus.get(4, 'checkpoints'))?.seq).toBe(4);
      await bus.purge(CHECKPOINTS, 4, 'checkpoints');
      await bus.purge(other, 5, 'checkpoints');
      expect(await stored(bus, '>')).toEqual([4, 5]);
      expect(await bus.streamInfo('checkpoints')).toMatchObject({ firstSeq: 4, lastSeq: 5 });
    });

    test('a sequence between two messages of the subject', async () => {
      const bus = await open();
      await publishEach(bus, [CHECKPOINTS, other, other, CHECKPOINTS]);
      await bus.purge(CHECKPOINTS, 3, 'checkpoints');
      expect(await stored(bus, '>')).toEqual([2, 3, 4]);
    });

    test('before the first sequence there is nothing to purge', async () => {
      const bus = await open();
      await publishEach(bus, [CHECKPOINTS, CHECKPOINTS]);
      await bus.purge(CHECKPOINTS, 1, 'checkpoints');
      expect(await stored(bus, '>')).toEqual([1, 2]);
    });

    test('a subject can be emptied; sequences are not used again, and its fence is at 0', async () => {
      const bus = await open();
      await publishEach(bus, [CHECKPOINTS, CHECKPOINTS]);
      await bus.purge(CHECKPOINTS, 100, 'checkpoints');
      expect(await bus.getLast(CHECKPOINTS, 'checkpoints')).toBeNull();
      expect(await bus.streamInfo('checkpoints')).toMatchObject({ firstSeq: 3, lastSeq: 2 });
      expect((await failure(bus.publish({ subject: CHECKPOINTS, body: 'x', expectLastSeq: 2 }))).code).toBe('conflict');
      expect((await bus.publish({ subject: CHECKPOINTS, body: '3', expectLastSeq: 0 })).seq).toBe(3);
    });

    test('the fence of what stays is where it was, and an id is still known', async () => {
      const bus = await open();
      await bus.publish({ subject: CHECKPOINTS, body: '1', msgId: 'purged' });
      const { seq } = await bus.publish({ subject: CHECKPOINTS, body: '2' });
      await bus.purge(CHECKPOINTS, seq, 'checkpoints');
      const again = await bus.publish({ subject: CHECKPOINTS, body: '1', msgId: 'purged' });
      expect(again).toEqual({ seq: 1, duplicate: true });
      expect((await bus.publish({ subject: CHECKPOINTS, body: '3', expectLastSeq: seq })).seq).toBe(seq + 1);
    });

    test('S1: a reader of the subject goes on with what comes later', async () => {
      const bus = await open();
      await publishEach(bus, [CHECKPOINTS, CHECKPOINTS]);
      const { reader, messages, errors } = await collect(bus, {
        filter: CHECKPOINTS,
        fromSeq: 1,
        stream: 'checkpoints',
      });
      await reader.caughtUp;
      await bus.purge(CHECKPOINTS, 3, 'checkpoints');
      await publishEach(bus, [other, CHECKPOINTS]);
      await until(() => messages.length === 3, 'the later message');
      expect(messages.map(({ seq }) => seq)).toEqual([1, 2, 4]);
      expect(errors).toEqual([]);
    });

    test('what is no subject, no sequence or not there is told', async () => {
      const bus = await open();
      await publishEach(bus, [CHECKPOINTS]);
      for (const subject of ['mesh.checkpoint.*.*', '>', '']) {
        expect((await failure(bus.purge(subject, 2, 'checkpoints'))).code).toBe('refused');
      }
      for (const seq of [0, -1, 1.5, Number.NaN]) {
        expect((await failure(bus.purge(CHECKPOINTS, seq, 'checkpoints'))).code).toBe('refused');
      }
      expect(await stored(bus, '>')).toEqual([1]);
      await harness().wipe();
      expect((await failure(bus.purge(CHECKPOINTS, 2, 'checkpoints'))).code).toBe('unavailable');
      expect((await failure(bus.purge(CHECKPOINTS, 1, 'checkpoints'))).code).toBe('unavailable');
    });
  });
}
