/**
 * Events of other programs on `mesh.tasks`, on a real mesh: binary mode, the same event twice, keys, and what was
 * published beside the subject.
 */
import { describe, expect, test } from 'vitest';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { useMesh } from '../../support/mesh.ts';

const LIMIT_MS = 90_000;
const SUM = '{"prompt":"tool:calculator {\\"expression\\":\\"14+14\\"}"}';
const mesh = useMesh('foreign-events');

const headers = (id: string, more: Readonly<Record<string, string>> = {}) => ({
  ...{ 'ce-specversion': '1.0', 'ce-id': id, 'ce-source': '/py', 'content-type': 'application/json' },
  ...{ 'ce-type': 'dev.agentmesh.task.submitted.v1', ...more },
});
const send = (body: string, sent: Readonly<Record<string, string>>, subject = 'mesh.tasks') =>
  mesh().bus.publish({ subject, body, headers: sent });
const refused = (seq: number) =>
  mesh().watch.refusal(({ originSeq }) => originSeq === seq, LIMIT_MS, `what was stored as ${seq}`);

/** Tasks whose prompt has this in it. */
const tasksOf = (text: string): string[] =>
  mesh()
    .watch.facts()
    .filter(({ name, event }) => name === 'task.accepted' && JSON.stringify(event.data).includes(text))
    .map(({ event }) => event.correlationid);

describe('events in binary mode', () => {
  test('keep their task and their trace, and are cancelled in the same form', async () => {
    const id = newCorrelationId();
    const trace = newCorrelationId().replaceAll('-', '');
    const named = { 'ce-correlationid': id.toUpperCase(), 'ce-traceparent': `00-${trace}-00f067aa0ba902b7-01` };
    mesh().counter.hold('/held');
    await send(JSON.stringify({ prompt: mesh().counter.prompt('http_post', '/held') }), headers('b1', named));
    const { event } = await mesh().watch.fact(id, 'hop.started');
    expect(event.traceparent).toContain(trace);
    const cancel = { ...named, 'ce-type': 'dev.agentmesh.task.cancel.requested.v1' };
    await send('{"reason":"no longer wanted"}', headers('b2', cancel));
    expect(await mesh().watch.result(id)).toMatchObject({ name: 'task.cancelled' });
    mesh().counter.release('/held');
  });

  test('of a type that is not the mesh’s are set aside by it', async () => {
    const { seq } = await send('{"prompt":"tool:uuid {}"}', headers('b3', { 'ce-type': 'com.acme.order.v1' }));
    expect(await refused(seq)).toMatchObject({
      code: 'unknown_type',
      reason: expect.stringMatching(/^com\.acme\.order/),
    });
  });
});

test('S5: the same event twice is one task, in either mode; so is the same key', async () => {
  await send(SUM, headers('twice'));
  const structured = { specversion: '1.0', id: 'twice', source: '/py', type: 'dev.agentmesh.task.submitted.v1' };
  const event = JSON.stringify({ ...structured, data: JSON.parse(SUM) as unknown });
  await send(event, { 'content-type': 'application/cloudevents+json' });
  const keyed = JSON.stringify({ prompt: 'tool:calculator {"expression":"15+15"}', key: 'Rechnung №7' });
  await send(keyed, {});
  await send(keyed, {});
  // Whatever was sent before this one has been taken when it has.
  const last = await mesh().submit('tool:calculator {"expression":"16+16"}');
  await mesh().watch.result(last);
  await expect.poll(() => tasksOf('14+14').length, { timeout: LIMIT_MS }).toBe(1);
  await expect.poll(() => tasksOf('15+15').length, { timeout: LIMIT_MS }).toBe(1);
  const [task = ''] = tasksOf('15+15');
  const [accepted] = mesh().watch.facts(task);
  expect(accepted?.event.data).toMatchObject({ key: 'Rechnung №7' });
});

test('S9: what was published below mesh.tasks is set aside, and told where tasks go', async () => {
  const { seq } = await send('hello', {}, 'mesh.tasks.foo');
  expect(await refused(seq)).toMatchObject({
    ...{ role: 'doors', code: 'misaddressed', originSubject: 'mesh.tasks.foo' },
    reason: 'nothing is read on mesh.tasks.foo; tasks go to mesh.tasks',
  });
});

test('who asks is a claim on mesh.tasks: it is marked, and opens no door', async () => {
  const { seq } = await send('{"prompt":"tool:clock {}","caller":"mesh run","door":"cli"}', {});
  expect(await refused(seq)).toMatchObject({ code: 'invalid_data', reason: expect.stringContaining('door is for') });
  await send('{"prompt":"tool:calculator {\\"expression\\":\\"17+17\\"}","caller":"mesh run"}', {});
  await expect.poll(() => tasksOf('17+17').length, { timeout: LIMIT_MS }).toBe(1);
  const [task = ''] = tasksOf('17+17');
  expect(mesh().watch.facts(task)[0]?.event.data).toMatchObject({ caller: 'nats:mesh run' });
});

test('a reason that is not ASCII reaches its reader whole', async () => {
  const { seq } = await send('[1]', {});
  expect(await refused(seq)).toMatchObject({ reason: 'an array is not a task: send text or {"prompt": …}' });
  const quoted = await send('{"id":"größer № 7","prompt":"x"}', {});
  expect((await refused(quoted.seq)).reason).toContain('"größer № 7"');
});
