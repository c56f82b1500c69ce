/** Sending again what could not be accepted: as it came, or not at all. */
import { expect, test } from 'vitest';
import { createMemoryBus, createMemoryLog } from '../../../bus/memory-bus.ts';
import { entryOf, listQuarantine, redrive } from '../../../task-client/quarantine.ts';

const event = { 'ce-specversion': '1.0', 'ce-id': 'e1', 'ce-source': '/test', 'ce-type': 'com.acme.order.v1' };

async function quarantined(originSeq: number | null, more: Record<string, string> = {}) {
  const bus = createMemoryBus(createMemoryLog());
  await bus.ensureTopology();
  const origin = await bus.publish({ subject: 'mesh.tasks', body: '{"n":1}', headers: event });
  const headers = {
    ...{ 'mesh-code': 'unknown_type', 'mesh-reason': encodeURIComponent('sorte inconnue : …') },
    ...{ 'mesh-origin-subject': 'mesh.tasks', 'mesh-origin-seq': String(originSeq ?? origin.seq), ...more },
  };
  const { seq } = await bus.publish({ subject: 'mesh.quarantine.ingress', body: '{"n":1}', headers });
  const message = await bus.get(seq, 'quarantine');
  if (message === null) throw new Error('it was stored');
  return { bus, message };
}

test('it goes again with the headers that say what it is, and its reason reads as it was', async () => {
  const { bus, message } = await quarantined(null);
  expect((await listQuarantine(bus, 10)).map(({ reason }) => reason)).toEqual(['sorte inconnue : …']);
  const done = await redrive(bus, message);
  const sent = typeof done === 'string' ? null : await bus.get(done.sentAs);
  expect(sent?.subject).toBe('mesh.tasks');
  expect(Object.keys(event).map((name) => sent?.header(name))).toEqual(Object.values(event));
});

test('what is only kept in part, or without the headers that said what it was, is not sent', async () => {
  const part = await quarantined(99, { 'mesh-truncated': 'true', 'mesh-code': 'too_large' });
  expect(entryOf(part.message)).toMatchObject({ role: 'ingress', originSeq: 99, truncated: true });
  expect(await redrive(part.bus, part.message)).toContain('only its beginning is kept');
  const bare = await quarantined(99);
  expect(await redrive(bare.bus, bare.message)).toContain('with the headers that said what it is');
});
