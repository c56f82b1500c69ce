/**
 * The router in a mesh of real processes: what its decisions look like in the log, a setting changed live, a role's
 * process killed, a model that cannot be loaded.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readSettings } from '../../../config/settings.ts';
import { livingServices } from '../../../registry/registry.ts';
import type { TaskRoutedData } from '../../../schemas/events/generated.ts';
import type { Mesh } from '../../support/mesh.ts';
import { useMesh } from '../../support/mesh.ts';
import { buildTask } from '../../support/prompts.ts';
import { writeTinyModel } from '../../support/tiny-gguf.ts';

/** A service is gone after ten seconds of silence; then some for a busy machine. */
const GONE_LIMIT_MS = 60_000;
const LIMIT_MS = 90_000;
const folder = mkdtempSync(join(tmpdir(), 'mesh-router-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Says `tool` to everything, surely, but not as surely as can be. */
const toolModel = writeTinyModel(join(folder, 'tool.gguf'), {
  router: { routes: { answer: 0, build: 0, direct: 0, review: 0, tool: 20 }, temperature: 4 },
});

async function routedFacts(mesh: Mesh, id: string): Promise<TaskRoutedData[]> {
  await mesh.watch.result(id);
  return mesh.watch
    .facts(id)
    .flatMap(({ event }) => (event.type === 'dev.agentmesh.task.routed.v1' ? [event.data] : []));
}

async function routeOf(mesh: Mesh, prompt: string): Promise<TaskRoutedData['route']> {
  const id = await mesh.submit(prompt);
  const { event } = await mesh.watch.fact(id, 'task.routed', LIMIT_MS);
  if (event.type !== 'dev.agentmesh.task.routed.v1') throw new Error('not routed');
  return event.data.route;
}

/** Asks again until a decision is as wanted; each answer comes from the log, nothing sleeps. */
async function routeUntil(mesh: Mesh, wanted: (route: TaskRoutedData['route']) => boolean, limitMs: number) {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const route = await routeOf(mesh, '6 * 7');
    if (wanted(route)) return route;
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(route)} after ${limitMs} ms`);
  }
}

describe('a router model in the agents process', () => {
  const mesh = useMesh('router', { env: { ROUTER_MODEL_PATH: toolModel, ROUTER_TIMEOUT_MS: '5000' } });

  test('decides; route, confidence, reason and alternatives are in the log and in the result', async () => {
    const id = await mesh().submit('6 * 7');
    const [fact] = await routedFacts(mesh(), id);
    expect(fact).toMatchObject({
      phase: 'start',
      next: 'begin',
      route: { decision: 'tool', engine: 'embedded', fallback: false },
    });
    expect(fact?.route.confidence).toBeGreaterThan(0.9);
    expect(Object.keys(fact?.route.probabilities ?? {}).sort()).toEqual([
      'answer',
      'build',
      'direct',
      'review',
      'tool',
    ]);
    const { result } = await mesh().watch.result(id);
    expect(result.route).toEqual(fact?.route);
    expect(result.answer).toContain('42');
  });

  test('is asked again after a review that requests changes, and the loop goes on', async () => {
    const facts = await routedFacts(mesh(), await mesh().submit(buildTask));
    expect(facts.map(({ phase, next }) => [phase, next])).toEqual([
      ['start', 'begin'],
      ['after_review', 'continue'],
    ]);
    expect(facts[1]?.route).toMatchObject({ decision: 'build', engine: 'policy' });
    expect(facts[1]?.route.reason).toMatch(/^another round: the review found 1 error, and 2 loops are left$/);
  });

  test('says in the registry which engine decides', async () => {
    const agents = (await livingServices(mesh().bus)).find(({ service }) => service === 'agents');
    expect(agents?.capabilities).toContain('router:embedded');
    expect(agents?.problems).toEqual([]);
  });

  test('a setting changed live is in force without a restart; one that is not valid is refused, and logged', async () => {
    const config = mesh().bus.kv('config');
    const changed = (value: number) =>
      mesh()
        .service('agents')
        .line((line) => line.msg === 'a live setting changed' && line.value === value, LIMIT_MS, `the value ${value}`);
    await config.put('ROUTER_CONFIDENCE_THRESHOLD', '1');
    await changed(1);
    const strict = await routeOf(mesh(), '6 * 7');
    expect(strict).toMatchObject({ decision: 'answer', fallback: true });
    expect(strict.reason).toContain('the threshold is 100 %');
    await config.put('ROUTER_CONFIDENCE_THRESHOLD', 'high');
    await mesh()
      .service('agents')
      .line((line) => line.msg === 'a live setting is not valid and was left as it was', LIMIT_MS, 'the refusal');
    expect(await routeOf(mesh(), '6 * 7')).toMatchObject({ decision: 'answer', fallback: true });
    await config.delete('ROUTER_CONFIDENCE_THRESHOLD');
    await changed(readSettings({}).ROUTER_CONFIDENCE_THRESHOLD);
    expect(await routeOf(mesh(), '6 * 7')).toMatchObject({ decision: 'tool', fallback: false });
    expect(mesh().service('agents').lives).toHaveLength(1);
  });

  test('a role whose process was killed is routed around, and taken again when it is back', async () => {
    await mesh().service('tools').down('SIGKILL');
    const around = await routeUntil(mesh(), ({ decision }) => decision !== 'tool', GONE_LIMIT_MS);
    expect(around).toMatchObject({ decision: 'answer', fallback: true });
    expect(around.reason).toMatch(/tool would fit, but tools is not there \(tools has been silent for \d+ s\)/);
    await mesh().service('tools').start();
    const back = await routeUntil(mesh(), ({ decision }) => decision === 'tool', GONE_LIMIT_MS);
    expect(back).toMatchObject({ fallback: false });
    expect(mesh().watch.quarantined()).toEqual([]);
  });
});

describe('a router model that cannot be loaded', () => {
  const mesh = useMesh('router-broken', { env: { ROUTER_MODEL_PATH: join(folder, 'none.gguf') } });

  test('leaves the rules, and the registry says so', async () => {
    const route = await routeOf(mesh(), 'Write a debounce function');
    expect(route).toMatchObject({ decision: 'build', engine: 'rules', fallback: false });
    await mesh()
      .service('agents')
      .line(
        ({ msg }) => msg === 'the router model is not at work; rules decide',
        LIMIT_MS,
        'that the model is missing',
      );
    await expect
      .poll(async () => (await livingServices(mesh().bus)).find(({ service }) => service === 'agents')?.problems, {
        timeout: LIMIT_MS,
      })
      .toEqual([expect.stringMatching(/^router: there is no file .*none\.gguf.*; rules decide$/)]);
  });
});
