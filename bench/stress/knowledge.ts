/**
 * The retriever with a vector store that refuses and then hangs, and then flooded with searches. Owns: that course. Does
 * not own: the mesh around it. A store that comes back is shown with a real Chroma in the tests of knowledge.
 */
import { Endpoint } from './endpoint.ts';
import type { Driven, StressRun } from './report.ts';
import type { Stage } from './stage.ts';

const BREAKER = 'knowledge:chroma';
const FLOOD = 300;
const OPEN_LIMIT_MS = 20_000;

let endpoint: Endpoint | null = null;

const asks = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    prompt: `How does the mesh survive crash number ${index}?`,
    workflow: 'answer',
  }));

async function drive(stage: Stage): Promise<Driven> {
  if (endpoint === null) throw new Error('the endpoint is not open');
  endpoint.health = 'refuses';
  const refused = await stage.tasks(asks(8));
  const opened = await stage.beat('agents', isOpen, OPEN_LIMIT_MS);
  endpoint.health = 'hangs';
  const askedBefore = endpoint.asked;
  const flood = await stage.tasks(asks(FLOOD));
  await stage.spansSent();
  const tasks = [...refused, ...flood];
  const spans = stage.collector.spans.filter(({ name }) => name === 'agent.retrieve');
  const number = (key: string): number[] => spans.map(({ attributes }) => Number(attributes[key] ?? 0));
  return {
    tasks,
    fallbacks: spans.filter(({ attributes }) => attributes['mesh.retrieve.fallback'] === true).length,
    shown: {
      'every task has an answer': tasks.every(({ status }) => status === 'completed'),
      'the breaker opens, and the registry says so': opened !== null,
      'an open breaker is asked once in ten seconds at most': endpoint.asked - askedBefore <= 1 + stage.elapsedS / 10,
      'searches wait in line': Math.max(...number('mesh.queue.depth')) > 0,
      'memory and threads are on the spans': [...number('process.memory.rss_mb'), ...number('process.threads')].every(
        (value) => value > 0,
      ),
    },
  };
}

function isOpen({ breakers }: { breakers?: readonly { name: string; state: string }[] | null }): boolean {
  return (breakers ?? []).some(({ name, state }) => name === BREAKER && state === 'open');
}

export const knowledge: StressRun = {
  service: 'knowledge',
  what: `a vector store that refuses and hangs, and ${FLOOD} searches at once`,
  async env() {
    endpoint = await Endpoint.open();
    return { CHROMA_URL: endpoint.url };
  },
  drive,
  close: async () => endpoint?.close(),
};
