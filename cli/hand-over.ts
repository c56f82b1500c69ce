/**
 * Commands that are programs of their own: benchmark, chaos, simulation. Owns: finding the program, giving it a
 * nats-server where it needs one, and its exit code. Does not own: what it does.
 */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { programFile } from '../config/settings.ts';
import { type CommandSpec, declare, settingsNow } from './command.ts';
import { runNode } from './commands/test.ts';
import { CliError } from './errors.ts';
import { provideNatsServer } from './nats-server.ts';
import { note } from './terminal.ts';

/** @param program path from the project's root, without its ending */
export function handOver(text: CommandSpec, program: string, needsNats: boolean): Command {
  return declare(text)
    .argument('[arguments...]')
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words: string[]) => {
      const path = programFile(program);
      if (!existsSync(path))
        throw new CliError(3, `${program} is not part of this installation; a checkout of the sources has it`);
      const env = needsNats ? { MESH_NATS_SERVER: (await provideNatsServer(settingsNow(), note)).path } : {};
      process.exitCode = await runNode([path, ...words], env);
    });
}
