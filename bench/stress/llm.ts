/**
 * The llm service with an endpoint that refuses, hangs, recovers, and is then flooded. Owns: that course. Does not own:
 * the mesh around it.
 */
import { Endpoint } from './endpoint.ts';
import type { Driven, StressRun } from './report.ts';
import type { Stage } from './stage.ts';

const BREAKER = 'llm:openai';
/** A breaker that was opened lets one call through after ten seconds. */
const HALF_OPEN_LIMIT_MS = 20_000;
const GENERATION_LIMIT_MS = 1500;
const QUEUE_MAX = 8;
const FLOOD = 60;

const asks = (count: number, prompt: string) =>
  Array.from({ length: count }, (_, index) => ({ prompt: `${prompt} (${index})`, workflow: 'direct' }));

let endpoint: Endpoint | null = null;

function served(): Endpoint {
  if (endpoint === null) throw new Error('the endpoint is not open');
  return endpoint;
}

async function drive(stage: Stage): Promise<Driven> {
  const ill = served();
  ill.health = 'refuses';
  const refused = await stage.tasks(asks(12, 'What does a breaker do?'));
  const opened = await stage.beat('llm', isOpen, HALF_OPEN_LIMIT_MS);
  const askedWhileOpen = ill.asked;
  const left = await stage.tasks(asks(3, 'What does an open breaker do?'));
  const leftAlone = ill.asked === askedWhileOpen;
  ill.health = 'hangs';
  const probed = await untilProbe(stage, 'half_open');
  ill.health = 'well';
  const recovered = await untilProbe(stage, 'closed');
  ill.tookMs = 250;
  const flood = await stage.tasks(asks(FLOOD, 'Say something'));
  await stage.spansSent();
  const tasks = [...refused, ...left, ...probed, ...recovered, ...flood];
  const byModel = tasks.filter(({ answer }) => answer.includes('A breaker leaves alone'));
  const completed = tasks.filter(({ status }) => status === 'completed');
  const states = stage.transitions().filter(({ breaker }) => breaker === BREAKER);
  return {
    tasks,
    fallbacks: completed.length - byModel.length,
    shown: {
      'every task has an answer': completed.length === tasks.length,
      'the breaker opens, and the registry says so': opened !== null,
      'an open breaker is not asked': leftAlone,
      'a probe that hangs opens it again': states.filter(({ state }) => state === 'open').length > 1,
      'a probe that succeeds closes it': states.at(-1)?.state === 'closed',
      'a flood beyond the queue takes the fallback': stage.logged('overloaded: effects are refused').length > 0,
      'the model answers again': recovered.some(({ answer }) => answer.includes('A breaker leaves alone')),
    },
  };
}

function isOpen({ breakers }: { breakers?: readonly { name: string; state: string }[] | null }): boolean {
  return (breakers ?? []).some(({ name, state }) => name === BREAKER && state === 'open');
}

/** Asks one after the other until a probe has led to that state: a breaker tries again only when somebody asks. */
async function untilProbe(stage: Stage, wanted: string) {
  const deadline = performance.now() + HALF_OPEN_LIMIT_MS;
  const before = stage.transitions().length;
  const ended = [];
  while (performance.now() < deadline) {
    ended.push(...(await stage.tasks(asks(1, 'Are you there?'))));
    const later = stage.transitions().slice(before);
    if (later.some(({ breaker, state }) => breaker === BREAKER && state === wanted)) break;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return ended;
}

/** Between two callers. */
const PAUSE_MS = 500;

export const llm: StressRun = {
  service: 'llm',
  what: 'an endpoint that refuses, hangs, recovers, and is flooded',
  async env() {
    endpoint = await Endpoint.open();
    return {
      OPENAI_BASE_URL: `${endpoint.url}/v1`,
      OPENAI_MODEL: 'stress',
      LLM_TIMEOUT_MS: String(GENERATION_LIMIT_MS),
      LLM_QUEUE_MAX: String(QUEUE_MAX),
    };
  },
  drive,
  close: async () => endpoint?.close(),
};
