/**
 * `node bench/router.ts [--json] [--file F.tsv] [--limit N]`: how long a routing decision takes in a running mesh, idle
 * and while a language model generates beside it, and what the router adds to the memory of the agents process. Owns:
 * the measurement. Does not own: accuracy (`mesh router eval`; `router-described.ts` for workflows of one's own), or any
 * target (docs/router.md).
 *
 * Times are those that the decisions themselves carry: from the question of the task to the answer, waiting included.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scriptOptions } from '../cli/script-options.ts';
import { projectRoot } from '../config/settings.ts';
import { livingServices } from '../registry/registry.ts';
import { parseSamples, type Sample } from '../router/samples.ts';
import { newCorrelationId } from '../schemas/events/ids.ts';
import { INGRESS_SUBJECT } from '../schemas/events/subjects.ts';
import { writeTinyModel } from '../tests/support/tiny-gguf.ts';
import { machineInfo, percentile } from './measure.ts';
import { Stage } from './stress/stage.ts';

const ROUTES = ['answer', 'build', 'direct', 'review', 'tool'];
/** A model that keeps two cores busy for as long as it is asked; what it writes means nothing. */
const BUSY_MODEL = { width: 512, layers: 8, numbers: 'f16', endBias: -60 } as const;
const LIMIT_MS = 60_000;

const { values } = await scriptOptions({
  options: {
    json: { type: 'boolean', default: false },
    file: { type: 'string', default: join(projectRoot, 'router', 'samples', 'test.tsv') },
    limit: { type: 'string', default: '150' },
  },
});
const samples = parseSamples(readFileSync(values.file, 'utf8'), ROUTES).slice(0, Number(values.limit));
const say = (text: string): void => {
  if (!values.json) process.stderr.write(`${text}\n`);
};

interface Timed {
  readonly ms: readonly number[];
  readonly engines: Readonly<Record<string, number>>;
}

async function send(stage: Stage, id: string, data: object, type?: string): Promise<void> {
  const body =
    type === undefined
      ? { ...data, id }
      : {
          ...{ specversion: '1.0', id: newCorrelationId(), source: '/bench', type: `dev.agentmesh.${type}.v1` },
          ...{ datacontenttype: 'application/json', correlationid: id, data },
        };
  await stage.bus.publish({ subject: INGRESS_SUBJECT, body: JSON.stringify(body) });
}

/** Each query as a task of its own, one after the other, cancelled as soon as it was routed. */
async function timed(stage: Stage, queries: readonly Sample[]): Promise<Timed> {
  const ms: number[] = [];
  const engines: Record<string, number> = {};
  for (const { query } of queries) {
    const id = newCorrelationId();
    await send(stage, id, { prompt: query });
    const { event } = await stage.watch.fact(id, 'task.routed', LIMIT_MS);
    await send(stage, id, { reason: 'measured' }, 'task.cancel.requested');
    if (event.type !== 'dev.agentmesh.task.routed.v1') continue;
    const { route } = event.data;
    ms.push(route.ms);
    engines[route.engine] = (engines[route.engine] ?? 0) + 1;
    await stage.watch.result(id, LIMIT_MS);
  }
  return { ms, engines };
}

/** Keeps one generation under way until it is told to end. */
function generating(stage: Stage): () => Promise<void> {
  let ended = false;
  let current = '';
  const run = async (): Promise<void> => {
    while (!ended) {
      current = newCorrelationId();
      await send(stage, current, { prompt: 'Tell me all that you know.', workflow: 'direct' });
      await stage.watch.result(current, 600_000);
    }
  };
  const running = run();
  return async () => {
    ended = true;
    await send(stage, current, { reason: 'measured' }, 'task.cancel.requested');
    await running;
  };
}

async function memoryMb(stage: Stage): Promise<number> {
  const agents = (await livingServices(stage.bus)).find(({ service }) => service === 'agents');
  return agents?.memoryMb ?? Number.NaN;
}

/** Resolves when the tokens of a generation flow: from here on the cores are busy. */
function tokensFlow(stage: Stage): Promise<void> {
  return new Promise((resolve) => {
    const unsubscribe = stage.bus.subscribeVolatile('mesh.tokens.*', () => {
      unsubscribe();
      resolve();
    });
  });
}

const figures = ({ ms, engines }: Timed) => ({
  ...{ n: ms.length, p50_ms: percentile(ms, 0.5), p95_ms: percentile(ms, 0.95), max_ms: percentile(ms, 1), engines },
});

const folder = mkdtempSync(join(tmpdir(), 'mesh-bench-router-'));
try {
  say('without a router model');
  const rules = await Stage.open({ ROUTER_MODEL_PATH: join(folder, 'none.gguf') });
  await timed(rules, samples);
  const without = await memoryMb(rules);
  await rules.close();

  say('idle');
  const busy = writeTinyModel(join(folder, 'busy.gguf'), BUSY_MODEL);
  const stage = await Stage.open({ LLM_MODEL_PATH: busy, LLM_MAX_TOKENS: '4096', LLM_TIMEOUT_MS: '600000' });
  await timed(stage, samples.slice(0, 5));
  const idle = await timed(stage, samples);
  const withModel = await memoryMb(stage);

  say('while a model generates');
  const flowing = tokensFlow(stage);
  const stop = generating(stage);
  await flowing;
  const loaded = await timed(stage, samples);
  await stop();
  await stage.close();

  const report = {
    machine: machineInfo(),
    idle: figures(idle),
    loaded: figures(loaded),
    memory_mb: { rules: without, model: withModel, added: withModel - without },
  };
  process.stdout.write(`${JSON.stringify(report, null, values.json ? 0 : 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
