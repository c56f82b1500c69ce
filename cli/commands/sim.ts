/**
 * `mesh sim`. Owns: its help. Does not own: the simulation (simulation/).
 */
import type { Command } from 'commander';
import { handOver } from '../hand-over.ts';

export function command(): Command {
  return handOver(
    {
      name: 'sim',
      group: 'Care',
      summary: 'run the runtime and the roles in a seeded simulation with faults',
      details:
        'Clock, network and disk are simulated; crashes, losses and delays come by seed. A failing seed prints the command that replays it, with the faults that are needed. Options: --seeds N (1000), --seed S, --only I,J, --trace, --first, --json. Ends with 1 when a promise was broken.',
      examples: [
        ['sim --seeds 2000', 'two thousand seeds'],
        ['sim --seed 42 --trace', 'what happens in one of them'],
      ],
    },
    'simulation/run',
    false,
  );
}
