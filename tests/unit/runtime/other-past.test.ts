/**
 * Stores that were put back twice, each to another moment: a ledger may hold a past of a journal that the log has otherwise
 * (J3, J5). Copies are taken and put back between the lives of the hosts.
 */
import { describe, expect, test } from 'vitest';
import { emit, setup } from 'xstate';
import { encodeRecord } from '../../../actors/runtime/journal/record.ts';
import { emptyBatch } from '../../../actors/runtime/ledger/port.ts';
import { AGAIN_HEADER } from '../../../actors/runtime/messages/messages.ts';
import { doubtsOf } from '../../../actors/runtime/recovery/doubts.ts';
import { type Incoming, type Outgoing, out, type RoleDefinition, WATCHERS } from '../../../actors/runtime/role.ts';
import { serverOf } from '../../../bus/memory-log.ts';
import type { DataByName } from '../../../schemas/events/generated.ts';
import { askedSubject, inboxSubject, journalSubject, partitionOf, STREAM } from '../../../schemas/events/subjects.ts';
import { courier } from './support/courier.ts';
import { dispatcher, WAITS } from './support/dispatcher.ts';
import { eagerDisk } from './support/eager-disk.ts';
import { eventOf, idOf } from './support/events.ts';
import { type Life, Mesh, signedIn, TAKEOVER_MS, taskName } from './support/mesh-bench.ts';
import { headAt, inputOf } from './support/records.ts';

const TASK = taskName(1);
const OTHER_PAST = expect.stringContaining('LOSS: the log has another past of these tasks');

/** Copies the log now. Returns what puts the copy back. */
function copyOf({ log }: Mesh): () => void {
  const stream = serverOf(log).findStream(STREAM);
  if (stream === null) throw new Error('there is no log');
  const copy = stream.copy();
  return () => stream.restore(copy);
}

async function open(): Promise<Mesh> {
  const mesh = await Mesh.open();
  mesh.fences.sign = 'once';
  return mesh;
}

type Store = 'asking' | 'asked' | 'log';

/** A host that asks and one that is asked, each with its stores: copies of all are taken now and whenever it is said. */
async function apart(role: RoleDefinition) {
  const mesh = await open();
  const disks = { asking: eagerDisk(), asked: eagerDisk() };
  const start = async () => {
    lives.asking = await mesh.start('one', { roles: [role], disk: disks.asking });
    lives.asked = await mesh.start('two', { roles: [courier], service: 'porters', disk: disks.asked });
    await mesh.pass();
    return lives;
  };
  const lives = {} as { asking: Life; asked: Life };
  await start();
  const copies = () => ({ asking: disks.asking.copy(), asked: disks.asked.copy(), log: copyOf(mesh) });
  let taken = copies();
  return {
    mesh,
    start,
    kill() {
      lives.asking.kill();
      lives.asked.kill();
    },
    take() {
      taken = copies();
    },
    putBack(...stores: readonly Store[]) {
      for (const store of stores) {
        if (store === 'log') taken.log();
        else disks[store].restore(taken[store]);
      }
    },
  };
}

describe('J5: an effect that may not be repeated, which another past has done', () => {
  test('here is not done again, and what is set aside is said', async () => {
    const mesh = await open();
    const first = await mesh.start('one');
    const [disk, begin] = [first.disk.copy(), copyOf(mesh)];
    mesh.fetching.shut();
    await mesh.submit(TASK);
    await mesh.pass();
    const onePast = copyOf(mesh);
    first.kill();
    first.disk.restore(disk);
    begin();
    const second = await mesh.start('one', { disk: first.disk });
    mesh.fetching.open();
    await mesh.submit(TASK);
    await mesh.pass();
    expect([signedIn(mesh).length, (await mesh.facts(TASK)).at(-1)]).toEqual([1, 'ended completed']);
    second.kill();
    onePast();
    const third = await mesh.start('one', { disk: first.disk });
    await mesh.pass(TAKEOVER_MS);
    expect([signedIn(mesh).length, (await mesh.facts(TASK)).at(-1), third.fatal]).toEqual([1, 'ended failed', []]);
    expect(third.said('error')).toContainEqual(OTHER_PAST);
    third.kill();
    const fourth = await mesh.start('one', { disk: first.disk });
    await mesh.submit(TASK);
    await mesh.pass(TAKEOVER_MS);
    expect([signedIn(mesh).length, fourth.fatal]).toEqual([1, []]);
  });

  test('at who was asked is not done again: who asked knows that it was answered there', async () => {
    const two = await apart(dispatcher);
    const { mesh } = two;
    mesh.fetching.shut();
    await mesh.ask(TASK, WAITS);
    await mesh.pass();
    const onePast = copyOf(mesh);
    two.kill();
    two.putBack('asking', 'asked', 'log');
    await two.start();
    mesh.fetching.open();
    await mesh.ask(TASK, WAITS);
    await mesh.pass();
    expect([signedIn(mesh).length, (await mesh.facts(TASK)).at(-1)]).toEqual([1, 'heard']);
    two.kill();
    two.putBack('asked');
    onePast();
    const lives = await two.start();
    await mesh.pass(TAKEOVER_MS);
    expect(lives.asking.said('error')).toContainEqual(OTHER_PAST);
    expect([signedIn(mesh).length, lives.asking.fatal, lives.asked.fatal]).toEqual([1, [], []]);
  });

  test('nor is it when it is asked for anew: the request has a mark', async () => {
    const two = await apart(dispatcher);
    const { mesh } = two;
    two.kill();
    await two.start();
    const onePast = copyOf(mesh);
    two.kill();
    two.putBack('asking', 'asked', 'log');
    await two.start();
    await mesh.ask(TASK, WAITS);
    await mesh.pass();
    expect([signedIn(mesh).length, (await mesh.facts(TASK)).at(-1)]).toEqual([1, 'heard']);
    two.kill();
    two.putBack('asked');
    onePast();
    const { asking, asked } = await two.start();
    await mesh.ask(TASK, WAITS);
    await mesh.pass(TAKEOVER_MS);
    const requests = await mesh.stored('mesh.in.courier.>');
    expect(requests.map((message) => message.header(AGAIN_HEADER))).toEqual(['1']);
    expect([signedIn(mesh).length, asking.fatal, asked.fatal]).toEqual([1, [], []]);
  });
});

describe('J5: a request that its maker has made in another past only', () => {
  /** Waits for a word before it asks for anything. */
  const hesitating: RoleDefinition = {
    ...dispatcher,
    versions: [
      {
        since: 1,
        machine: setup({
          types: {
            events: {} as Incoming<'task.submitted' | 'agent.message' | 'hop.replied'>,
            emitted: {} as Outgoing,
          },
        }).createMachine({
          on: {
            'task.submitted': {},
            'agent.message': {
              guard: ({ event }) => event.data.messageId.startsWith('go'),
              actions: emit(() =>
                out('hop.requested', 'courier', {
                  step: 'carry',
                  attempt: 1,
                  timeoutMs: 1000,
                  input: { prompt: 'a parcel' },
                }),
              ),
            },
            'hop.replied': {
              actions: emit(() => out('hop.progress', WATCHERS, { role: 'orchestrator', effect: '', note: 'heard' })),
            },
          },
        }),
      },
    ],
  };
  const say = async (mesh: Mesh, messageId: string): Promise<void> => {
    const data: DataByName['agent.message'] = { messageId, role: 'ROLE_AGENT', parts: [{ text: 'a word' }] };
    const word = eventOf('agent.message', data, { from: 'reviewer', correlationId: TASK });
    await mesh.bus.publish({
      subject: inboxSubject('orchestrator', TASK),
      body: JSON.stringify({ ...word, id: idOf(messageId) }),
    });
    await mesh.pass();
  };
  /** The answer came to a maker that had not asked yet; then the stores of who had answered are those of before it. */
  const answered = async (asksAgain: boolean) => {
    const two = await apart(hesitating);
    const { mesh } = two;
    await mesh.submit(TASK);
    await mesh.pass();
    two.take();
    await say(mesh, 'hello');
    mesh.fetching.shut();
    await say(mesh, 'go');
    two.kill();
    two.putBack('asking', 'log');
    await two.start();
    two.take();
    mesh.fetching.open();
    await mesh.pass();
    expect([signedIn(mesh).length, (await mesh.facts(TASK)).at(-1)]).toEqual([1, 'heard']);
    if (asksAgain) await say(mesh, 'go on');
    two.kill();
    two.putBack('asked', 'log');
    return two;
  };

  test.each([
    ['was answered, when its answer is there', false],
    ['was answered before it was made again', true],
  ])('%s', async (_what, asksAgain) => {
    const two = await answered(asksAgain);
    const { asking, asked } = await two.start();
    await two.mesh.pass(TAKEOVER_MS);
    expect([signedIn(two.mesh).length, asking.fatal, asked.fatal]).toEqual([1, [], []]);
  });
});

test('J5: who asked first has not had the answer for that', async () => {
  const { mesh } = await apart(dispatcher);
  await mesh.ask(TASK, WAITS);
  await mesh.pass();
  const [reply] = await mesh.stored(inboxSubject('orchestrator', TASK));
  const { id } = JSON.parse(Buffer.from(reply?.data ?? '').toString()) as { readonly id: string };
  const answers = mesh.bus.askVolatile(askedSubject('courier', TASK), id, { answers: 1, limitMs: 1000 });
  await mesh.pass();
  expect((await answers).map((answer) => Buffer.from(answer).toString())).toEqual(['open']);
});

test('J5: the last record of another past counts, of which the ledger was not told that the log had it', async () => {
  const mesh = await open();
  const disk = eagerDisk();
  const partition = partitionOf(TASK);
  const row = { effect: 'sign', src: 'sign', attempt: 1, armedVersion: 2, key: `${TASK}/courier/sign/2` };
  const began = inputOf(eventOf('effect.started', row, { from: 'courier', correlationId: TASK }), 'courier');
  const ledger = disk.open();
  const records = [
    encodeRecord(headAt(1, { partition, word: 'claimed' }), []),
    encodeRecord(headAt(2, { partition }), [{ input: began, caused: [] }]),
  ];
  await ledger.commit({
    ...emptyBatch,
    records: records.map((body, at) => ({ partition, n: at + 1, body })),
    logged: [{ partition, n: 1, seq: 1 }],
  });
  const onePast = encodeRecord(headAt(1, { partition, process: 'p2', word: 'claimed' }), []);
  await mesh.bus.publish({ subject: journalSubject('tests', partition), body: onePast });
  const { host } = await mesh.start('one', { ledger });
  expect(doubtsOf(ledger, partition)).toEqual(new Set([TASK]));
  expect(host.stats().partitions.courier).toBe(8);
});
