/**
 * `mesh chaos`. Owns: handing over to tests/chaos/main.ts with a nats-server at hand. Does not own: any strike.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { projectRoot } from '../../config/settings.ts';
import { declare, settingsNow } from '../command.ts';
import { CliError } from '../errors.ts';
import { provideNatsServer } from '../nats-server.ts';
import { note } from '../terminal.ts';
import { runNode } from './test.ts';

export function command(): Command {
  return declare({
    name: 'chaos',
    group: 'Care',
    summary: 'kill a private mesh under load, and check that nothing is lost',
    details: 'Processes are killed and frozen, the disk is filled, ledgers and log are lost; an HTTP counter outside counts what was done. Everything after `chaos` goes to the program: --kills N, --seed S, --prompt, --workflow, --json.',
    examples: [
      ['chaos --kills 20', 'a short run'],
      ['chaos --prompt "…" --workflow build', 'your own task'],
    ],
  })
    .argument('[arguments...]')
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words: string[]) => {
      const program = join(projectRoot, 'tests', 'chaos', 'main.ts');
      if (!existsSync(program)) throw new CliError(3, 'the chaos program (tests/chaos/main.ts) is not part of this checkout');
      const nats = await provideNatsServer(settingsNow(), note);
      process.exitCode = await runNode([program, ...words], { MESH_NATS_SERVER: nats.path });
    });
}
