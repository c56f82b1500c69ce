/**
 * The retriever flooded with searches. Owns: that course. Does not own: the mesh around it.
 */
import type { Driven, StressRun } from './report.ts';
import type { Stage } from './stage.ts';

const FLOOD = 300;

async function drive(stage: Stage): Promise<Driven> {
  const prompts = Array.from({ length: FLOOD }, (_, index) => ({
    prompt: `How does the mesh survive crash number ${index}?`,
    workflow: 'answer',
  }));
  const tasks = await stage.tasks(prompts);
  const spans = stage.collector.spans.filter(({ name }) => name === 'agent.retrieve');
  const depth = Math.max(0, ...spans.map(({ attributes }) => Number(attributes['mesh.queue.depth'] ?? 0)));
  return {
    tasks,
    fallbacks: 0,
    shown: {
      'every task has an answer': tasks.every(({ status }) => status === 'completed'),
      'searches wait in line': depth > 0,
      'memory and threads are on the spans': spans.every(
        ({ attributes }) =>
          Number(attributes['process.memory.rss_mb']) > 0 && Number(attributes['process.threads']) > 0,
      ),
    },
  };
}

export const knowledge: StressRun = {
  service: 'knowledge',
  what: `${FLOOD} searches at once`,
  env: () => ({}),
  drive,
};
