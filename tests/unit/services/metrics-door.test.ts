/** The address for Prometheus: who is answered there. */
import { once } from 'node:events';
import { request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createMemoryBus, createMemoryLog } from '../../../bus/memory-bus.ts';
import { type MetricsDoor, openMetricsDoor } from '../../../services/metrics-door.ts';

const silent = (): void => undefined;
let door: MetricsDoor;
beforeAll(async () => {
  const bus = createMemoryBus(createMemoryLog());
  await bus.ensureTopology();
  door = await openMetricsDoor(bus, 0, { debug: silent, info: silent, warn: silent, error: silent });
});
afterAll(() => door.close());

async function statusOf(headers: Readonly<Record<string, string>>, path = '/metrics', method = 'GET'): Promise<number> {
  const sent = request({ host: '127.0.0.1', port: door.port, path, method, headers });
  sent.end();
  const [response] = await once(sent, 'response');
  response.resume();
  return response.statusCode;
}

test('a program of this machine is answered, whichever of its names it takes', async () => {
  const { port } = door;
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`, '127.0.0.1'])
    expect([host, await statusOf({ host })]).toEqual([host, 200]);
  expect(await statusOf({}, '/')).toBe(404);
  expect(await statusOf({}, '/metrics', 'POST')).toBe(404);
});

test.each<[string, Record<string, string>]>([
  ['a name that its owner lets lead here', { host: 'rebound.example' }],
  ['a name that looks like one of loopback', { host: '127.0.0.1.example' }],
  ['a page of another site', { origin: 'https://evil.example' }],
  ['a page of another port', { origin: 'http://localhost:3000' }],
  ['a page without an origin', { origin: 'null' }],
  ['an image on a page', { 'sec-fetch-site': 'cross-site' }],
])('%s is not', async (_what, headers) => {
  expect(await statusOf(headers)).toBe(403);
});
