/** One tab's stream on the twin of the log in memory: what it is told, and what happens when it takes nothing. */

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../../../../config/settings.ts';
import { Hub } from '../../../../dashboard/server/hub.ts';
import { TabStream } from '../../../../dashboard/server/tab-stream.ts';
import { factsIn } from '../../../../schemas/events/fact.ts';
import { factSubject } from '../../../../schemas/events/subjects.ts';
import { openMemoryBus } from './memory.ts';

const quiet = { warn: () => undefined };
const golden = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(projectRoot, 'schemas', 'events', 'golden', `${name}.json`), 'utf8'));

const idOf = (n: number): string => `0b0ae3f0-7a0c-4c0e-9a54-${String(n).padStart(12, '0')}`;

async function opened() {
  const bus = await openMemoryBus();
  const hub = new Hub(bus, quiet);
  await hub.open();
  const say = (name: string, n: number, data: object = {}) => {
    const event = { ...golden(name), correlationid: idOf(n), subject: idOf(n), id: randomUUID() };
    return bus.publish({
      subject: factSubject(idOf(n)),
      body: JSON.stringify({ ...event, data: { ...(golden(name).data as object), ...data } }),
    });
  };
  return { bus, hub, say };
}

/** Reads events until one is wanted. */
async function until(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  wanted: (text: string) => boolean,
): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  while (!wanted(text)) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the stream ended after: ${text}`);
    text += decoder.decode(value);
  }
  return text;
}

describe('the stream of a tab', () => {
  it('begins with what changed since, and goes on by sequences', async () => {
    const { bus, hub, say } = await opened();
    const first = await say('task.accepted', 1);
    const second = await say('task.accepted', 2);
    const tab = new TabStream(hub, { log: hub.identity, after: first.seq, task: null });
    const reader = tab.open().getReader();
    const text = await until(reader, (so) => so.includes('event: rows'));
    expect(text).toContain(idOf(2));
    expect(text).not.toContain(idOf(1));
    expect(text).toContain(`id: ${second.seq}`);
    const third = await say('task.accepted', 3);
    expect(await until(reader, (so) => so.includes('event: rows'))).toContain(`id: ${third.seq}\nevent: rows`);
    await reader.cancel();
    await hub.stop();
    await bus.close();
  });

  it('tells a tab that knows another log to begin anew', async () => {
    const { bus, hub } = await opened();
    const reader = new TabStream(hub, { log: 'another', after: 5, task: null }).open().getReader();
    expect(await until(reader, (so) => so.includes('event: resync'))).toContain('{"what":"all"}');
    await reader.cancel();
    await hub.stop();
    await bus.close();
  });

  it('tells the facts of the open task, and of no other', async () => {
    const { bus, hub, say } = await opened();
    const reader = new TabStream(hub, { log: hub.identity, after: 0, task: idOf(1) }).open().getReader();
    await say('hop.started', 2);
    await say('hop.started', 1);
    const text = await until(reader, (so) => so.includes('event: facts') && so.includes('event: rows'));
    expect(text.match(/event: facts\ndata: (.*)/)?.[1]).toContain('"type":"hop.started"');
    expect(JSON.parse(text.match(/event: facts\ndata: (.*)/)?.[1] ?? '{}').facts).toHaveLength(1);
    await reader.cancel();
    await hub.stop();
    await bus.close();
  });

  it('keeps for a tab that takes nothing no more than its bound, and tells it to ask again', async () => {
    const { bus, hub, say } = await opened();
    const tab = new TabStream(hub, { log: hub.identity, after: 0, task: idOf(1) });
    const stream = tab.open();
    const { seq } = await say('hop.started', 1);
    const message = await bus.get(seq);
    if (message === null) throw new Error('the log has lost it');
    const [fact] = factsIn(message);
    if (fact === undefined) throw new Error('no fact');
    tab.tellFacts(Array.from({ length: 4001 }, () => fact));
    const reader = stream.getReader();
    expect(await until(reader, (so) => so.includes('event: resync'))).toContain('{"what":"task"}');
    await reader.cancel();
    await hub.stop();
    await bus.close();
  });

  it('lets go of everything when the tab leaves', async () => {
    const { bus, hub, say } = await opened();
    let ended = 0;
    const tab = new TabStream(hub, { log: hub.identity, after: 0, task: null });
    tab.onEnd = () => {
      ended += 1;
    };
    const reader = tab.open().getReader();
    await reader.cancel();
    await say('task.accepted', 1);
    tab.close();
    expect(ended).toBe(1);
    await hub.stop();
    await bus.close();
  });
});
