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
      details: 'Options: --quick for a short run, --recall for how much a search finds, --json for one JSON object.',
      examples: [
        ['bench', 'what a hop costs, throughput, recovery, sizes'],
        ['bench --json', 'one JSON object'],
      ],
    },
    'bench/main.ts',
    true,
  );
}
