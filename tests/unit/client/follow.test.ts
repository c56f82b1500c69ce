/** Following a task, on a log in memory: the facts of one commit come together, in one message. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMemoryBus, createMemoryLog, type MemoryBus } from '../../../bus/memory-bus.ts';
import { serializeFacts } from '../../../schemas/events/envelope.ts';
import type { Fact } from '../../../schemas/events/fact.ts';
import { factSubject } from '../../../schemas/events/subjects.ts';
import { isEnded, type TaskView } from '../../../schemas/events/task-view.ts';
import { openClient, type TaskClient } from '../../../task-client/client.ts';
import { isSettled } from '../../../task-client/tasks.ts';
import { accepted, result, routed, taskId, trail } from '../cli/facts.ts';
import { as, local } from './log.ts';

const asked = ['task.input.required', { question: 'Did it happen?', reason: 'outcome_unknown', choices: [] }] as const;
const answered = ['task.input.accepted', { text: 'done' }] as const;
const completed = ['task.completed', { result: result() }] as const;

const silent = (): void => undefined;

async function opened(): Promise<{ bus: MemoryBus; client: TaskClient }> {
  const bus = createMemoryBus(createMemoryLog());
  await bus.ensureTopology();
  return { bus, client: await openClient({ bus, log: { debug: silent, info: silent, warn: silent, error: silent } }) };
}

function follow(
  client: TaskClient,
  onFact: (fact: Fact) => void,
  until: (view: TaskView) => boolean = isSettled,
): Promise<TaskView> {
  return client.tasks.follow(taskId, as(local), { until, onFact }).then(({ view }) => view);
}

async function tell(bus: MemoryBus, facts: readonly Fact[]): Promise<void> {
  const { body, contentType } = serializeFacts(facts.map(({ event }) => event));
  await bus.publish({ subject: factSubject(taskId), body, headers: { 'content-type': contentType } });
}

function idsOf(facts: readonly Fact[]): string[] {
  return facts.map(({ event }) => event.id);
}

describe('following a task', () => {
  const whole = trail(
    accepted,
    routed,
    asked,
    answered,
    ['agent.message', said('one')],
    ['agent.message', said('two')],
    completed,
  );
  const late = trail(...Array.from({ length: 8 }, () => accepted), ['agent.message', said('too late')]).slice(-1);

  test('S5: shows each fact once, in order, up to the end, however they were divided into messages', async () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { maxLength: 7 });
    await fc.assert(
      fc.asyncProperty(cuts, fc.integer({ min: 1, max: 8 }), async (ends, stored) => {
        const { bus, client } = await opened();
        const facts = [...whole, ...late];
        const bounds = [0, ...ends.sort((a, b) => a - b), facts.length];
        const messages = bounds.slice(1).map((end, at) => facts.slice(bounds[at], end));
        for (const some of messages.slice(0, stored)) await tell(bus, some);
        const shown: Fact[] = [];
        const following = follow(client, (fact) => void shown.push(fact));
        for (const some of messages.slice(stored)) await tell(bus, some);
        const { status } = await following;
        // Where the question is the newest of what is stored, following ends with it: a person has to answer.
        expect(['completed', 'input_required']).toContain(status);
        const heard = idsOf(shown);
        if (status === 'completed') expect(heard.slice(0, whole.length)).toEqual(idsOf(whole));
        expect(heard).toEqual(idsOf([...whole, ...late].slice(0, shown.length)));
        await client.stop();
        await bus.close();
      }),
      { numRuns: 60 },
    );
  });

  test('does not stop at a question that its own message answers', async () => {
    const { bus, client } = await opened();
    await tell(bus, trail(accepted, routed));
    const shown: string[] = [];
    const following = follow(client, ({ event }) => void shown.push(event.type));
    await expect.poll(() => shown.length).toBe(2);
    await tell(bus, whole.slice(2, 4));
    await tell(bus, whole.slice(4));
    expect(await following).toMatchObject({ status: 'completed' });
  });

  test('stops at a question that stands at the end of its message', async () => {
    const { bus, client } = await opened();
    await tell(bus, whole.slice(0, 3));
    expect(await follow(client, silent)).toMatchObject({ status: 'input_required' });
  });

  test('goes on over questions to the end for whoever wants to see it', async () => {
    const { bus, client } = await opened();
    await tell(bus, whole.slice(0, 3));
    const shown: string[] = [];
    const following = follow(
      client,
      ({ event }) => void shown.push(event.id),
      ({ status }) => isEnded(status),
    );
    await expect.poll(() => shown.length).toBe(3);
    await tell(bus, whole.slice(3));
    expect(await following).toMatchObject({ status: 'completed' });
    expect(shown).toEqual(idsOf(whole));
  });
});

function said(text: string) {
  return { messageId: text, role: 'ROLE_AGENT', parts: [{ text }] } as const;
}
