/**
 * A mesh whose messages are signed, of real processes: its work and its recovery, and what becomes of messages that are
 * not signed, altered, or signed with another key.
 */
import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Bus } from '../../../bus/port.ts';
import { distrust, SIGNATURE_HEADER } from '../../../bus/signatures.ts';
import { signedBus } from '../../../bus/signed-bus.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { factSubject } from '../../../schemas/events/subjects.ts';
import { readSigning } from '../../../services/adapters/signing.ts';
import { useMesh } from '../../support/mesh.ts';

const LIMIT_MS = 90_000;

function newKey() {
  const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return { seed: d, public: x };
}
const first = newKey();
const second = newKey();
const unset = { MESH_SIGNING_TRUSTED: undefined, MESH_SIGNED_SINCE: undefined };
const signing = (trusted?: string) => {
  const found = readSigning({ ...unset, MESH_SIGNING_KEY: first.seed, MESH_SIGNING_TRUSTED: trusted });
  if (found === null) throw new Error('there is a key');
  return found;
};
const mesh = useMesh('signed', { env: { MESH_SIGNING_KEY: first.seed } });
const signed = (): Bus => signedBus(mesh().bus, signing(), () => undefined);
const submit = async (prompt: string, bus: Bus): Promise<{ id: string; seq: number }> => {
  const id = newCorrelationId();
  return { id, seq: (await bus.publish({ subject: 'mesh.tasks', body: JSON.stringify({ id, prompt }) })).seq };
};
const refusalOf = (seq: number) =>
  mesh().watch.refusal(({ originSeq }) => originSeq === seq, LIMIT_MS, `message ${seq}`);

/** What is wrong with the messages of a stream, but for those that somebody else than the mesh sent. */
async function faults(stream: 'log' | 'checkpoints', trusted: string, foreign: ReadonlySet<number>): Promise<string[]> {
  const found: string[] = [];
  const reader = await mesh().bus.read({
    ...{ stream, filter: 'mesh.>', fromSeq: 1 },
    onMessage: (message) => {
      const { subject, data: body, seq, atMs } = message;
      const form = { subject, body, atMs, headers: message.headers() };
      const fault = distrust(form, message.header(SIGNATURE_HEADER), signing(trusted));
      if (fault !== null && !foreign.has(seq)) found.push(`${subject}: ${fault}`);
    },
  });
  await reader.caughtUp;
  await reader.stop();
  return found;
}

test('tasks end, killed in the middle too; what is not trusted is set aside or not seen; keys change', async () => {
  const foreign = new Set<number>();
  mesh().counter.hold('/signed');
  const held = await submit(mesh().counter.prompt('http_post', '/signed'), signed());
  await mesh().watch.fact(held.id, 'hop.started');
  await mesh().service('agents').down();

  const unsigned = await submit('tool:uuid {}', mesh().bus);
  foreign.add(unsigned.seq);
  const stored = await mesh().bus.get(held.seq);
  const copied = await mesh().bus.publish({
    ...{ subject: 'mesh.tasks', body: JSON.stringify({ id: newCorrelationId(), prompt: 'tool:uuid {}' }) },
    headers: { [SIGNATURE_HEADER]: stored?.header(SIGNATURE_HEADER) ?? '' },
  });
  foreign.add(copied.seq);
  const forged = { type: 'dev.agentmesh.task.completed.v1', data: { result: 'forged' } };
  const fact = await mesh().bus.publish({ subject: factSubject(held.id), body: JSON.stringify(forged) });
  foreign.add(fact.seq);
  expect(await signed().get(fact.seq)).toBeNull();

  // The new process has another key, and knows the old one.
  const changed = { MESH_SIGNING_KEY: second.seed, MESH_SIGNING_TRUSTED: first.public };
  await mesh().add('agents', 'agents', changed).start();
  for (const name of ['llm', 'tools'] as const) {
    await mesh().service(name).down('SIGTERM');
    await mesh().add(name, name, changed).start();
  }
  mesh().counter.release('/signed');
  expect(await mesh().watch.result(held.id)).toMatchObject({ name: 'task.completed' });
  expect(mesh().counter.deeds('/signed')).toBe(1);
  expect(await refusalOf(unsigned.seq)).toMatchObject({
    code: 'not_trusted',
    reason: expect.stringMatching(/not signed/),
  });
  expect(await refusalOf(copied.seq)).toMatchObject({
    code: 'not_trusted',
    reason: expect.stringMatching(/does not hold/),
  });
  expect(await faults('log', second.public, foreign)).toEqual([]);
  expect(await faults('checkpoints', second.public, new Set())).toEqual([]);
});
