/**
 * Options of a program that is not a subcommand: what `mesh bench`, `sim` and `chaos` hand over to, and scripts of the
 * checkout. Owns: that a wrong one ends it with one line and exit code 2, before anything begins. Does not own: what
 * options mean.
 */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { note } from './terminal.ts';
import { exitWhenWritten } from './written.ts';

type Parsed<T extends ParseArgsConfig> = ReturnType<typeof parseArgs<T>>;

/** @param config as `parseArgs` takes it; arguments are those of this process unless it has others */
export async function scriptOptions<const T extends ParseArgsConfig>(config: T): Promise<Parsed<T>> {
  try {
    return parseArgs<T>(config);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // What Node adds to it is advice on how to pass a positional that looks like an option.
    const [reason = ''] = error.message.split('. ');
    const names = Object.keys(config.options ?? {}).map((name) => `--${name}`);
    note(`${reason}; there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`);
    return exitWhenWritten(2);
  }
}
