/** Commands that follow a task, on a log in memory: the facts of one commit come together, in one message. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMemoryBus, createMemoryLog, type MemoryBus } from '../../../bus/memory-bus.ts';
import { followTask } from '../../../cli/follow-task.ts';
import { lastMessages, readFacts, waitForFact } from '../../../cli/mesh-client.ts';
import { serializeFacts } from '../../../schemas/events/envelope.ts';
import { BEGINNING, type Fact, factsIn } from '../../../schemas/events/fact.ts';
import { factSubject } from '../../../schemas/events/subjects.ts';
import { foldAll } from '../../../schemas/events/task-view.ts';
import { accepted, result, routed, taskId, trail } from './facts.ts';

const asked = ['task.input.required', { question: 'Did it happen?', reason: 'outcome_unknown', choices: [] }] as const;
const answered = ['task.input.accepted', { text: 'done' }] as const;
const completed = ['task.completed', { result: result() }] as const;

async function opened(): Promise<MemoryBus> {
  const bus = createMemoryBus(createMemoryLog());
  await bus.ensureTopology();
  return bus;
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
      fc.asyncProperty(cuts, fc.nat(8), async (ends, stored) => {
        const bus = await opened();
        const facts = [...whole, ...late];
        const bounds = [0, ...ends.sort((a, b) => a - b), facts.length];
        const messages = bounds.slice(1).map((end, at) => facts.slice(bounds[at], end));
        for (const some of messages.slice(0, stored)) await tell(bus, some);
        const shown: Fact[] = [];
        const onFact = (fact: Fact): number => shown.push(fact);
        const following = followTask({ bus, taskId, onFact, signal: new AbortController().signal });
        for (const some of messages.slice(stored)) await tell(bus, some);
        const followed = await following;
        // Where the question is the newest of what is stored, following ends with it: a person has to answer.
        const settled = followed.kind === 'settled' ? followed.view.status : followed.kind;
        expect(['completed', 'input_required']).toContain(settled);
        if (settled === 'completed') expect(idsOf(shown)).toEqual(idsOf(whole));
        expect(idsOf(shown)).toEqual(idsOf(whole.slice(0, shown.length)));
        expect(foldAll(taskId, await readFacts(bus, taskId)).status).toBe('completed');
        await bus.close();
      }),
      { numRuns: 60 },
    );
  });

  test('does not stop at a question that its own message answers', async () => {
    const bus = await opened();
    await tell(bus, trail(accepted, routed));
    const shown: string[] = [];
    const onFact = ({ event }: Fact): number => shown.push(event.type);
    const following = followTask({ bus, taskId, onFact, signal: new AbortController().signal });
    await expect.poll(() => shown.length).toBe(2);
    await tell(bus, whole.slice(2, 4));
    await tell(bus, whole.slice(4));
    expect(await following).toMatchObject({ kind: 'settled', view: { status: 'completed' } });
    await bus.close();
  });

  test('stops at a question that stands at the end of its message', async () => {
    const bus = await opened();
    await tell(bus, whole.slice(0, 3));
    const order = { bus, taskId, onFact: () => undefined, signal: new AbortController().signal };
    expect(await followTask(order)).toMatchObject({ kind: 'settled', view: { status: 'input_required' } });
    await bus.close();
  });
});

describe('waiting for a fact', () => {
  const isAnswer = ({ event }: Fact): boolean => event.type === 'dev.agentmesh.task.input.accepted.v1';
  const facts = trail(accepted, asked, answered, asked, answered);

  test('finds one that stands behind the place in the same message', async () => {
    const bus = await opened();
    await tell(bus, facts);
    const [, first, , second] = await readFacts(bus, taskId);
    const found = await Promise.all(
      [BEGINNING, first ?? BEGINNING, second ?? BEGINNING].map((after) => waitForFact(bus, taskId, after, isAnswer)),
    );
    expect(found.map((fact) => [fact?.seq, fact?.index])).toEqual([
      [1, 2],
      [1, 2],
      [1, 4],
    ]);
    await bus.close();
  });

  test('takes none that stands before it, and hears one that comes', async () => {
    const bus = await opened();
    await tell(bus, facts.slice(0, 4));
    const question = (await readFacts(bus, taskId)).at(-1) ?? BEGINNING;
    const waiting = waitForFact(bus, taskId, question, isAnswer);
    await tell(bus, facts.slice(4));
    expect(await waiting).toMatchObject({ seq: 2, index: 0 });
    await bus.close();
  });
});

test('the last message of a task ends with its newest fact', async () => {
  const bus = await opened();
  const facts = trail(accepted, routed, asked);
  await tell(bus, facts.slice(0, 1));
  await tell(bus, facts.slice(1));
  const [message, ...others] = await lastMessages(bus);
  expect(others).toEqual([]);
  expect(message === undefined ? [] : idsOf(factsIn(message))).toEqual(idsOf(facts.slice(1)));
  await bus.close();
});

function said(text: string) {
  return { messageId: text, role: 'ROLE_AGENT', parts: [{ text }] } as const;
}
