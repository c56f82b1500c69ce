/**
 * `mesh bench`. Owns: its help. Does not own: any measurement (bench/).
 */
import type { Command } from 'commander';
import { handOver } from '../hand-over.ts';

export function command(): Command {
  return handOver(
    {
      name: 'bench',
      group: 'Care',
      summary: 'measure speed on this machine, in a private mesh',
      details:
        'Options: --quick for a short run, --json for one JSON object. --recall measures how much a search finds of the labelled set, --corpora of real documentation beside plain BM25 (fetched by npm, pip and git; a name takes one of them); --soak runs many tasks with a model and watches its memory (--tasks N, --model PATH). --peers races this mesh against other durable engines, which it installs under MESH_HOME at fixed versions; with --systems a,b, --reps N, --seconds S and --no-kill it is shorter, --svg PATH draws it, --write-docs puts it into docs/benchmarks.md, and --from FILE shows an earlier race.',
      examples: [
        ['bench', 'what a hop costs, throughput, recovery, sizes'],
        ['bench --json', 'one JSON object'],
        ['bench --soak --tasks 200', 'the memory of the llm service over 200 build tasks'],
        ['bench --corpora', 'how much is found in four real documentations, and by plain BM25'],
        ['bench --peers', 'five durable steps beside LangGraph, Restate, DBOS, Mastra and Temporal'],
        ['bench --peers --systems mesh,restate --reps 1', 'two of them, once'],
      ],
    },
    'bench/main',
    true,
  );
}
