/**
 * The same thing said more than once: submitted, published, read again (S5).
 */
import { describe, expect, test } from 'vitest';
import type { StoredMessage } from '../../../bus/port.ts';
import { type MeshEvent, messageId } from '../../../schemas/events/envelope.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { INGRESS_SUBJECT, inboxFilter } from '../../../schemas/events/subjects.ts';
import { damages } from '../../support/ledger-file.ts';
import { useMesh } from '../../support/mesh.ts';
import { answerPrompt, buildTask } from '../../support/prompts.ts';

const LIMIT_MS = 90_000;

describe('duplicates', () => {
  const mesh = useMesh('duplicates');

  const stored = async (filter: string): Promise<StoredMessage[]> => {
    const messages: StoredMessage[] = [];
    const reader = await mesh().bus.read({ filter, fromSeq: 1, onMessage: (message) => messages.push(message) });
    await reader.caughtUp;
    await reader.stop();
    return messages;
  };
  const inboxOf = async (id: string): Promise<StoredMessage[]> =>
    (await stored(inboxFilter())).filter(({ subject }) => subject.endsWith(id));
  const eventOf = ({ data }: StoredMessage): MeshEvent => JSON.parse(Buffer.from(data).toString('utf8')) as MeshEvent;
  /** Everything said before has been dealt with when a task submitted now has ended. */
  const settled = async (): Promise<void> => {
    expect((await mesh().watch.result(await mesh().submit(answerPrompt))).name).toBe('task.completed');
  };

  test('S5: one submission sent a hundred times at once is one task', async () => {
    const { watch, counter } = mesh();
    const id = newCorrelationId();
    const body = JSON.stringify({ prompt: counter.prompt('http_post', '/hundred'), id });
    await Promise.all(Array.from({ length: 100 }, () => mesh().publish(INGRESS_SUBJECT, body)));
    const { name, result } = await watch.result(id);
    expect(name).toBe('task.completed');
    await settled();
    expect(counter.requests('/hundred')).toHaveLength(1);
    expect(watch.terminal(id)).toHaveLength(1);
    expect(watch.facts(id).filter((fact) => fact.name === 'task.accepted')).toHaveLength(1);
    // Submitted once more after its end it is the same task still, with the same result.
    await mesh().publish(INGRESS_SUBJECT, body);
    await settled();
    expect((await watch.result(id)).result).toEqual(result);
    expect(watch.terminal(id)).toHaveLength(1);
    expect(watch.quarantined()).toEqual([]);
  });

  test('S5: every internal event of a task published again changes nothing', async () => {
    const { watch, counter } = mesh();
    const build = await mesh().submit(buildTask);
    const post = await mesh().submit(counter.prompt('http_post_once', '/again'));
    await Promise.all([watch.result(build), watch.result(post)]);
    const facts = () => [...watch.facts(build), ...watch.facts(post)].length;
    const before = facts();
    for (const id of [build, post]) {
      const messages = await inboxOf(id);
      // Its submission, and what went to another service and came back; the rest was said within a host.
      expect(messages.length).toBeGreaterThan(2);
      // Under no message id, so that the server cannot tell: only the ledgers can.
      for (const { subject, data } of messages) await mesh().publish(subject, data);
      for (const { subject, data } of messages.toReversed()) await mesh().publish(subject, data);
    }
    await settled();
    expect(facts()).toBe(before);
    expect(watch.doubles()).toEqual([]);
    expect(counter.requests('/again')).toHaveLength(1);
    expect(watch.quarantined()).toEqual([]);
  });

  test('S5: the same id with other content is quarantined, and the task is what it was', async () => {
    const { watch } = mesh();
    const id = await mesh().submit(answerPrompt);
    const { result } = await watch.result(id);
    await mesh().publish(INGRESS_SUBJECT, JSON.stringify({ prompt: 'hello', id }));
    const entry = await watch.refusal(({ code }) => code === 'conflicting_duplicate', LIMIT_MS, 'the second prompt');
    expect(entry.role).toBe('ingress');
    expect(entry.reason).toContain('seen before with other content');
    const replied = (await inboxOf(id)).map(eventOf).find(({ type }) => type === 'dev.agentmesh.llm.replied.v1');
    if (!replied) throw new Error('no llm.replied');
    const forged = { ...replied, hopindex: replied.hopindex + 1 } as MeshEvent;
    const subject = (await inboxOf(id)).find((message) => eventOf(message).id === replied.id)?.subject ?? '';
    const seq = await mesh().publish(subject, JSON.stringify(forged), { msgId: messageId(forged) });
    const second = await watch.refusal(({ originSeq }) => originSeq === seq, LIMIT_MS, 'the forged reply');
    expect(second.code).toBe('conflicting_duplicate');
    expect((await watch.result(id)).result).toEqual(result);
    expect(watch.terminal(id)).toHaveLength(1);
    await settled();
  });

  test('S5 S10: a plain text without an id is the same task when it is read again', async () => {
    const { watch } = mesh();
    const before = new Set(watch.facts().map(({ event }) => event.correlationid));
    await mesh().publish(INGRESS_SUBJECT, answerPrompt);
    await settled();
    const ids = () => new Set(watch.facts().map(({ event }) => event.correlationid));
    const known = ids();
    expect(known.size).toBe(before.size + 2);
    const agents = mesh().service('agents');
    await agents.down('SIGTERM');
    await damages.deleted(mesh().ledger('agents'));
    await agents.start();
    await settled();
    expect(ids().size).toBe(known.size + 1);
    expect(watch.doubles()).toEqual([]);
  });
});
