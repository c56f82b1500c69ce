/**
 * `mesh chaos`. Owns: its help. Does not own: any strike (tests/chaos/).
 */
import type { Command } from 'commander';
import { handOver } from '../hand-over.ts';

export function command(): Command {
  return handOver(
    {
      name: 'chaos',
      group: 'Care',
      summary: 'strike a private mesh under load, and check that nothing is lost',
      details:
        'Processes are killed and frozen, started twice under one name, their clocks set; the disk is filled; ledgers and the log are lost or go back to an older state, some of them at a time; all by seed; a counter outside the mesh counts what was done. Options: --kills N (300), --seed S, --prompt "…" and --workflow W for a task of your own, --json. Ends with 1 when something was lost or happened twice.',
      examples: [
        ['chaos --kills 20', 'a short run'],
        ['chaos --kills 50 --prompt "…" --workflow build', 'with a task of your own'],
      ],
    },
    'tests/chaos/main',
    true,
  );
}
