/**
 * How every command of `mesh` is declared. Owns: the look of help, the common options, examples, usage errors. Does not
 * own: what a command does.
 */

import { Command, InvalidArgumentError } from 'commander';
import { loadEnvFile, readSettings, type Settings } from '../config/settings.ts';
import { hint, meshCommand } from './called.ts';

export interface CommandSpec {
  readonly name: string;
  /** Heading of the command in `mesh -h`. */
  readonly group: 'Mesh' | 'Tasks' | 'Knowledge' | 'Care';
  readonly summary: string;
  /** More than the summary says; shown in the command's own help. */
  readonly details?: string;
  /** Command line without `mesh`, and what it does. */
  readonly examples: readonly (readonly [commandLine: string, what: string])[];
}

/** A command with help, examples and `--verbose`; the caller adds arguments, options and the action. */
export function declare(spec: CommandSpec): Command {
  const longest = Math.max(...spec.examples.map(([line]) => line.length));
  const examples = spec.examples.map(([line, what]) => `  ${meshCommand()} ${line.padEnd(longest)}  ${what}`);
  return new Command(spec.name)
    .summary(spec.summary)
    .description(hint(spec.details === undefined ? spec.summary : `${spec.summary}\n\n${spec.details}`))
    .helpGroup(`${spec.group}:`)
    .option('--verbose', 'show the cause of an error')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', `\nExamples:\n${examples.join('\n')}`);
}

/** The settings, with `.env` read first. */
export function settingsNow(): Settings {
  loadEnvFile();
  return readSettings();
}

/** Parser of an option that takes a whole number. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`a whole number from ${min} to ${max} is needed.`);
    }
    return value;
  };
}
