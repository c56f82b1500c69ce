/** Facts in batches on a real log: the gateway's core and the commands read them, also over a restart of the server. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectBus } from '../../../bus/nats-bus.ts';
import type { Bus } from '../../../bus/port.ts';
import { type Mesh, openMesh } from '../../../gateway/core/mesh.ts';
import {
  BATCH_CONTENT_TYPE,
  EVENT_CONTENT_TYPE,
  type MeshEvent,
  serializeFacts,
} from '../../../schemas/events/envelope.ts';
import { factsIn } from '../../../schemas/events/fact.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { factSubject } from '../../../schemas/events/subjects.ts';
import { isEnded, type TaskView } from '../../../schemas/events/task-view.ts';
import type { WatchItem } from '../../../task-client/watch.ts';
import { type NatsServer, startNatsServer } from '../../support/nats-server.ts';
import { TaskWatch } from '../../support/task-watch.ts';
import { as, factEvent, local, memoryMesh, resultOf } from '../../unit/client/log.ts';

let server: NatsServer;
let bus: Bus;
let mesh: Mesh;

beforeAll(async () => {
  server = await startNatsServer();
  bus = await connectBus({ url: server.url, name: 'fact-batches' });
  await bus.ensureTopology();
  mesh = await openMesh({ ...(await memoryMesh()).ports, bus });
});
afterAll(async () => {
  await mesh.stop();
  await bus.close();
  await server.stop();
});

function story(task: string) {
  const note = (n: number): MeshEvent =>
    factEvent(task, n, 'hop.progress', { role: 'coder', effect: 'write', note: `note ${n}` });
  const accepted = factEvent(task, 1, 'task.accepted', { prompt: 'hello', caller: 'local' });
  const completed = factEvent(task, 99, 'task.completed', { result: resultOf('there') });
  return { accepted, notes: [2, 3, 4, 5, 6].map(note), completed };
}

async function tell(facts: readonly MeshEvent[]): Promise<number> {
  const { body, contentType } = serializeFacts(facts);
  const subject = factSubject(facts[0]?.correlationid ?? '');
  return (await bus.publish({ subject, body, headers: { 'content-type': contentType } })).seq;
}

async function rest(items: AsyncIterable<WatchItem>): Promise<string[]> {
  const ids: string[] = [];
  for await (const item of items) if (item.kind === 'fact') ids.push(item.fact.event.id);
  return ids;
}

const idsOf = (events: readonly MeshEvent[]): string[] => events.map(({ id }) => id);

describe('facts in batches', () => {
  test('are stored as they say: one alone as an event, several as a batch', async () => {
    const { accepted, notes, completed } = story(newCorrelationId());
    const seqs = [await tell([accepted]), await tell([...notes, completed])];
    const [one, batch] = await Promise.all(seqs.map((seq) => bus.get(seq)));
    expect([one, batch].map((message) => message?.header('content-type'))).toEqual([
      EVENT_CONTENT_TYPE,
      BATCH_CONTENT_TYPE,
    ]);
    expect(batch === null || batch === undefined ? [] : factsIn(batch).map(({ index }) => index)).toEqual([
      0, 1, 2, 3, 4, 5,
    ]);
  });

  test('S5: a watch that was cut inside a batch goes on behind the cut, after a kill of the server', async () => {
    const task = newCorrelationId();
    const { accepted, notes, completed } = story(task);
    await tell([accepted, ...notes.slice(0, 4)]);
    const first = mesh.watches.watch({ correlationId: task }, as(local));
    const heard: WatchItem[] = [];
    for (let n = 0; n < 3; n++) {
      const { value } = await first.next();
      if (value !== undefined) heard.push(value);
    }
    await first.return();
    const cursor = heard.at(-1)?.cursor ?? '';
    expect(cursor).toMatch(/^[0-9a-f]{8}-\d+-2$/);
    await server.kill();
    await server.start();
    await expect
      .poll(
        () =>
          bus.streamInfo().then(
            () => true,
            () => false,
          ),
        { timeout: 90_000 },
      )
      .toBe(true);
    const watching = rest(mesh.watches.watch({ correlationId: task, cursor }, as(local)));
    await tell([...notes.slice(4), completed]);
    expect(await watching).toEqual(idsOf([...notes.slice(2), completed]));
    const { view } = await mesh.tasks.get(task, as(local));
    expect(view).toMatchObject({ status: 'completed', result: { answer: 'there' } });
  });

  test("commands and the tests' own watch read them, stored and as they come", async () => {
    const task = newCorrelationId();
    const { accepted, notes, completed } = story(task);
    const all = [accepted, ...notes, completed];
    const watch = new TaskWatch();
    await watch.follow(bus);
    await tell([accepted, ...notes.slice(0, 2)]);
    const shown: string[] = [];
    const onFact = ({ event }: { event: MeshEvent }): void => void shown.push(event.id);
    const until = (seen: TaskView): boolean => isEnded(seen.status);
    const following = mesh.tasks.follow(task, as(local), { until, onFact });
    await tell([...notes.slice(2), completed]);
    expect(await following).toMatchObject({ view: { status: 'completed' } });
    expect(shown).toEqual(idsOf(all));
    expect(await watch.result(task)).toMatchObject({ name: 'task.completed', result: { answer: 'there' } });
    expect(watch.facts(task).map(({ event }) => event.id)).toEqual(idsOf(all));
    const { tasks } = await mesh.list({ pageSize: 1 }, as(local));
    expect(tasks.map(({ correlationId, status }) => [correlationId, status])).toEqual([[task, 'completed']]);
  });
});
