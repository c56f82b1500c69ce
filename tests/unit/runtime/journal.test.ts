/** Group commit into two stores: one record a turn, told when both have it, one writer (J1 to J4). */
import { describe, expect, test } from 'vitest';
import { encodeRecord } from '../../../actors/runtime/journal/record.ts';
import { journalSubject } from '../../../schemas/events/subjects.ts';
import { settled } from './support/fake-clock.ts';
import { entry, openJournal, textsIn } from './support/journal-bench.ts';
import { headAt } from './support/records.ts';

const SUBJECT = journalSubject('tests', 0);

describe('records', () => {
  test('J1: what is added in one turn is one record, the same bytes in both stores', async () => {
    const { journal, clock, inLog, inLedger, told } = await openJournal();
    expect([journal.add(0, entry('a')), journal.add(0, entry('b'))]).toEqual([1, 1]);
    await clock.advance(4);
    expect(inLedger().map(textsIn)).toEqual([['a', 'b']]);
    expect(await inLog()).toEqual(inLedger());
    expect(told).toEqual(['0.1']);
  });

  test('are made smaller once for both stores, and for the log that is sent one again', async () => {
    const made: Uint8Array[] = [];
    const bench = await openJournal(
      {},
      {
        zstdOf(_subject, body) {
          const bytes = body.byteLength < 2000 ? null : body.slice(0, 8);
          if (bytes !== null) made.push(bytes);
          return bytes;
        },
      },
    );
    const { journal, clock, told, zstd } = bench;
    bench.ackLosses = 1;
    journal.add(0, entry('x'.repeat(4000)));
    await clock.advance(10_000);
    journal.add(0, entry('short'));
    await clock.advance(10);
    expect(told).toEqual(['0.1', '0.2']);
    expect(made).toHaveLength(1);
    expect(zstd).toEqual({ ledger: [made[0], undefined], log: [made[0], made[0], undefined] });
  });

  test('are numbered without gaps, in order, in both stores', async () => {
    const { journal, clock, inLog, inLedger, told, ledger } = await openJournal();
    for (const text of ['a', 'b', 'c']) {
      journal.add(0, entry(text));
      await clock.advance(10);
    }
    expect(inLedger().map(textsIn)).toEqual([['a'], ['b'], ['c']]);
    expect(await inLog()).toEqual(inLedger());
    expect(told).toEqual(['0.1', '0.2', '0.3']);
    await journal.flushed();
    expect([...ledger.records(0, 1)].map(({ seq }) => seq)).toEqual([1, 2, 3]);
  });

  test('wait for their window to share a commit; when somebody waits they do not', async () => {
    const { journal, clock, told } = await openJournal({ commitWindowMs: 1000 });
    journal.add(0, entry('a'));
    await clock.advance(999);
    expect(told).toEqual([]);
    journal.hurry();
    await settled();
    expect(told).toEqual(['0.1']);
  });

  test('what comes while a commit is under way is in the next one', async () => {
    const { journal, diskDoor, inLedger } = await openJournal();
    diskDoor.shut();
    journal.add(0, entry('a'));
    journal.hurry();
    await settled();
    expect(['b', 'c'].map((text) => journal.add(0, entry(text)))).toEqual([2, 2]);
    journal.hurry();
    diskDoor.open();
    await settled();
    expect(inLedger().map(textsIn)).toEqual([['a'], ['b', 'c']]);
  });

  test('each partition has its own', async () => {
    const { journal, inLedger, told } = await openJournal();
    journal.open(5, { n: 8, id: 'p0.8', seq: 0, idInLog: 'p0.8' });
    journal.add(0, entry('a'));
    expect([journal.add(5, entry('b')), journal.current(5), journal.told(5)]).toEqual([9, 9, 8]);
    journal.close(0);
    journal.open(0, { n: 0, id: '', seq: 0, idInLog: '' });
    journal.add(0, entry('c'));
    journal.close(5);
    journal.hurry();
    await settled();
    expect([inLedger().map(textsIn), inLedger(5), told]).toEqual([[['c']], [], ['0.1']]);
  });

  test('a word is a record of its own, with nothing in it', async () => {
    const { journal, inLedger } = await openJournal();
    expect(journal.say(0, 'claimed')).toBe(1);
    journal.hurry();
    await settled();
    expect(inLedger().map((body) => JSON.parse(body))).toMatchObject([[{ data: { word: 'claimed' } }]]);
    journal.add(0, entry('a'));
    expect(journal.say(0)).toBe(2);
    journal.hurry();
    await settled();
    expect(inLedger().map(textsIn)).toEqual([[], ['a']]);
    expect(JSON.parse(inLedger()[1] ?? '')[0].data).not.toHaveProperty('word');
  });

  test('what else is remembered goes with them, and without them', async () => {
    const { journal, ledger } = await openJournal();
    journal.begun('k', 2);
    journal.meta('a', 'x');
    journal.hurry();
    await settled();
    expect([[...ledger.begun()], ledger.meta('a'), ledger.lastRecord(0)]).toEqual([[['k', 2]], 'x', null]);
  });
});

describe('a record that would be too large', () => {
  test('S8: is divided, and each input is in the record whose number it was told', async () => {
    const { journal, inLedger, told } = await openJournal({ recordInputsMax: 2 });
    const numbers = ['a', 'b', 'c', 'd', 'e'].map((text) => journal.add(0, entry(text)));
    expect(numbers).toEqual([1, 1, 2, 2, 3]);
    expect(journal.untold).toBe(3);
    const heard: number[] = [];
    for (const n of numbers) journal.whenTold(0, n, () => heard.push(n));
    journal.hurry();
    await settled();
    expect(inLedger().map(textsIn)).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect([told, heard, journal.untold]).toEqual([['0.1', '0.2', '0.3'], numbers, 0]);
  });

  test('S8: by its bytes too; one input that is larger than that goes alone', async () => {
    const { journal, inLedger } = await openJournal({ recordBytesMax: 5000 });
    const numbers = [1000, 9000, 1000, 1000].map((letters) => journal.add(0, entry('x'.repeat(letters))));
    expect(numbers).toEqual([1, 2, 3, 3]);
    journal.hurry();
    await settled();
    expect(inLedger().map((body) => textsIn(body).length)).toEqual([1, 1, 2]);
  });

  test.each([
    ['many inputs that cause much', Array.from({ length: 1500 }, (_, at) => entry(`${at}`, 3))],
    ['many inputs with their envelopes', Array.from({ length: 1500 }, (_, at) => entry(`${at}${'x'.repeat(260)}`))],
    ['letters of three bytes', Array.from({ length: 8 }, (_, at) => entry(`${at}${'写'.repeat(80_000)}`))],
    ['letters that JSON writes in six', Array.from({ length: 8 }, (_, at) => entry(`${at}${'\u0001'.repeat(80_000)}`))],
  ])('S8: of %s: a server takes each record', async (_what, entries) => {
    const { journal, fatal, inLog, bus } = await openJournal();
    for (const one of entries) journal.add(0, one);
    journal.hurry();
    await journal.flushed();
    for (let turn = 0; turn < 20; turn += 1) await settled();
    expect(fatal).toEqual([]);
    const bodies = await inLog();
    expect(bodies.flatMap(textsIn)).toHaveLength(entries.length);
    for (const body of bodies) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(bus.maxPayloadBytes - 1024);
  });
});

describe('telling', () => {
  test.each(['logDoor', 'diskDoor'] as const)('J2: not before the store behind the %s has it', async (which) => {
    const bench = await openJournal();
    const { journal, told } = bench;
    bench[which].shut();
    journal.add(0, entry('a'));
    let heard = false;
    journal.whenTold(0, 1, () => {
      heard = true;
    });
    journal.hurry();
    await settled();
    expect([told, heard, journal.told(0)]).toEqual([[], false, 0]);
    bench[which].open();
    await settled();
    expect([told, heard, journal.told(0)]).toEqual([['0.1'], true, 1]);
  });

  test('S10: no record goes to the log while it is not certain which one this is', async () => {
    const { journal, witness, inLog, inLedger, told } = await openJournal();
    witness.doubt();
    journal.add(0, entry('a'));
    journal.hurry();
    await settled();
    expect([await inLog(), inLedger().length, told]).toEqual([[], 1, []]);
    witness.settle();
    await settled();
    expect([await inLog(), told]).toEqual([inLedger(), ['0.1']]);
  });

  test('what is told already is told at once', async () => {
    const { journal } = await openJournal();
    journal.add(0, entry('a'));
    journal.hurry();
    await settled();
    let heard = 0;
    journal.whenTold(0, 1, () => {
      heard += 1;
    });
    expect(heard).toBe(1);
  });

  test('S7: nothing of a partition that was closed', async () => {
    const { journal, told, logDoor } = await openJournal();
    logDoor.shut();
    journal.add(0, entry('a'));
    let heard = false;
    journal.whenTold(0, 1, () => {
      heard = true;
    });
    journal.hurry();
    await settled();
    journal.close(0);
    logDoor.open();
    await settled();
    expect([told, heard]).toEqual([[], false]);
  });
});

describe('a log that is slow or away', () => {
  test('J2: the ledger waits a little for it, then goes ahead, by so many records and no more', async () => {
    const limits = { logPatienceMs: 100, recordsAheadMax: 3, commitWindowMs: 1 };
    const { journal, clock, inLedger, told, bus, inLog } = await openJournal(limits);
    bus.disconnect();
    journal.add(0, entry('0'));
    await clock.advance(10);
    journal.add(0, entry('1'));
    await clock.advance(50);
    expect(inLedger()).toHaveLength(1);
    await clock.advance(50);
    expect(inLedger()).toHaveLength(2);
    for (let at = 2; at < 6; at += 1) {
      journal.add(0, entry(`${at}`));
      await clock.advance(200);
    }
    expect(inLedger().map(textsIn)).toEqual([['0'], ['1'], ['2']]);
    expect([journal.isFull, told]).toEqual([true, []]);
    let room = 0;
    journal.onRoom(() => {
      room += 1;
    });
    bus.reconnect();
    await clock.advance(10);
    expect(inLedger().map(textsIn)).toEqual([['0'], ['1'], ['2'], ['3', '4', '5']]);
    expect([await inLog(), room, journal.isFull]).toEqual([inLedger(), 1, false]);
    expect(told).toEqual(['0.1', '0.2', '0.3', '0.4']);
  });

  test('S7: when the partition that waited is lost there is room again', async () => {
    const { journal, bus, clock } = await openJournal({ recordsAheadMax: 1 });
    bus.disconnect();
    journal.add(0, entry('a'));
    await clock.advance(10);
    let room = 0;
    journal.onRoom(() => {
      room += 1;
    });
    expect(journal.isFull).toBe(true);
    journal.close(0);
    await settled();
    expect([journal.isFull, room]).toEqual([false, 1]);
  });

  test('S7: what waited for such a partition is recorded when it is lost, though nobody adds anything more', async () => {
    const { journal, logDoor, clock, told } = await openJournal({ recordsAheadMax: 1, logPatienceMs: 10 });
    journal.open(1, { n: 0, id: '', seq: 0, idInLog: '' });
    logDoor.shut();
    journal.add(0, entry('a'));
    await clock.advance(10);
    journal.say(1, 'claimed');
    journal.hurry();
    await clock.advance(1000);
    expect([journal.isFull, told]).toEqual([true, []]);
    journal.close(0);
    logDoor.open();
    await clock.advance(10);
    expect(told).toEqual(['1.1']);
  });

  test('S7: nobody waits for the ledger to have what such a partition had left', async () => {
    const { journal, logDoor, clock } = await openJournal({ recordsAheadMax: 1, logPatienceMs: 10 });
    logDoor.shut();
    journal.add(0, entry('a'));
    await clock.advance(10);
    journal.add(0, entry('b'));
    let isFlushed = false;
    void journal.flushed().then(() => {
      isFlushed = true;
    });
    await clock.advance(1000);
    expect(isFlushed).toBe(false);
    journal.close(0);
    await settled();
    expect(isFlushed).toBe(true);
  });
});

describe('one writer', () => {
  test.each([false, true])('an acknowledgement that was lost is no other writer (id first: %s)', async (idFirst) => {
    const bench = await openJournal({}, { duplicateBeforeConflict: idFirst });
    const { journal, clock, told, refused, inLog } = bench;
    journal.add(0, entry('a'));
    bench.ackLosses = 2;
    await clock.advance(1000);
    journal.add(0, entry('b'));
    await clock.advance(1000);
    expect([told, refused]).toEqual([['0.1', '0.2'], []]);
    expect((await inLog()).map(textsIn)).toEqual([['a'], ['b']]);
  });

  test('J4: a record that another one has written is noticed, and nothing more is told', async () => {
    const { journal, bus, told, refused, fatal, inLog } = await openJournal();
    const other = headAt(1, { process: 'p2', ledger: 'ledger-2' });
    await bus.publish({ subject: SUBJECT, body: encodeRecord(other, []), expectLastSeq: 0 });
    journal.add(0, entry('a'));
    let heard = false;
    journal.whenTold(0, 1, () => {
      heard = true;
    });
    journal.hurry();
    await settled();
    expect(refused).toEqual([other]);
    expect([told, heard, fatal]).toEqual([[], false, []]);
    expect(await inLog()).toHaveLength(1);
  });

  test('J4: nor behind something that is no record', async () => {
    const { journal, bus, told, refused } = await openJournal();
    const other = headAt(1, { process: 'p2', ledger: 'ledger-2' });
    await bus.publish({ subject: SUBJECT, body: encodeRecord(other, []), expectLastSeq: 0 });
    await bus.publish({ subject: SUBJECT, body: 'no record' });
    journal.add(0, entry('a'));
    journal.hurry();
    await settled();
    expect([refused, told]).toEqual([[other], []]);
  });

  test('S10: a log that has lost its end is told apart from another writer', async () => {
    const { journal, log, refused } = await openJournal();
    for (const text of ['a', 'b']) {
      journal.add(0, entry(text));
      journal.hurry();
      await settled();
    }
    log.truncate('log', 0);
    journal.add(0, entry('c'));
    journal.hurry();
    await settled();
    expect(refused).toEqual([null]);
  });
});

describe('ends', () => {
  test('a disk that refuses ends the host', async () => {
    const { journal, ledger, fatal, told } = await openJournal();
    await ledger.close();
    journal.add(0, entry('a'));
    journal.hurry();
    await settled();
    expect(fatal).toMatchObject([{ name: 'FatalError' }]);
    expect(told).toEqual([]);
  });

  test('flushed waits until all that was added is in the ledger', async () => {
    const { journal, inLedger, diskDoor } = await openJournal({ commitWindowMs: 60_000, recordInputsMax: 1 });
    diskDoor.shut();
    for (const text of ['a', 'b']) journal.add(0, entry(text));
    let flushed = false;
    const all = journal.flushed().then(() => {
      flushed = true;
    });
    await settled();
    expect(flushed).toBe(false);
    diskDoor.open();
    await all;
    expect(inLedger()).toHaveLength(2);
  });

  test("J4: all is told once the log has it, or once what it refuses is not this host's any more", async () => {
    const { journal, logDoor } = await openJournal();
    logDoor.shut();
    journal.open(1, { n: 0, id: '', seq: 0, idInLog: '' });
    for (const partition of [0, 1]) journal.add(partition, entry('a'));
    journal.hurry();
    let over = false;
    const all = journal.allTold().then(() => {
      over = true;
    });
    await settled();
    journal.close(1);
    await settled();
    expect(over).toBe(false);
    journal.close(0);
    await all;
    await journal.allTold();
  });

  test('after a stop nothing is written, and nothing is waited for', async () => {
    const { journal, clock, told, inLedger } = await openJournal();
    journal.add(0, entry('a'));
    journal.stop();
    await journal.flushed();
    await journal.allTold();
    await clock.advance(10_000);
    expect([told, inLedger(), clock.waits]).toEqual([[], [], []]);
  });
});
