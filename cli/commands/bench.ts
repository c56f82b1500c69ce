/**
 * `mesh bench`. Owns: handing over to bench/main.ts with a nats-server at hand. Does not own: any measurement.
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
    name: 'bench',
    group: 'Care',
    summary: 'measure speed on this machine, in a private mesh',
    details: 'Everything after `bench` goes to the benchmark.',
    examples: [
      ['bench', 'a table'],
      ['bench --json', 'one JSON object'],
    ],
  })
    .argument('[arguments...]')
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words: string[]) => {
      const program = join(projectRoot, 'bench', 'main.ts');
      if (!existsSync(program)) throw new CliError(3, 'the benchmark (bench/main.ts) is not part of this checkout');
      const nats = await provideNatsServer(settingsNow(), note);
      process.exitCode = await runNode([program, ...words], { MESH_NATS_SERVER: nats.path });
    });
}
