/**
 * Entry of the `mesh` command. Owns: the list of commands, loading only the one that is asked for, exit codes and how
 * errors are shown. Does not own: any command (commands/).
 */

import { type Argument, Command, CommanderError } from 'commander';
import { keepFilesPrivate } from '../config/private-files.ts';
import { hint, meshCommand } from './called.ts';
import { CliError, causesOf, toFailure } from './errors.ts';
import { err, note, painter, printText } from './terminal.ts';
import { exitWhenWritten } from './written.ts';

type CommandModule = { command(): Command };

const commands: Readonly<Record<string, () => Promise<CommandModule>>> = {
  init: () => import('./commands/init.ts'),
  up: () => import('./commands/up.ts'),
  down: () => import('./commands/down.ts'),
  status: () => import('./commands/status.ts'),
  keys: () => import('./commands/keys.ts'),
  mode: () => import('./commands/mode.ts'),
  open: () => import('./commands/open.ts'),
  run: () => import('./commands/run.ts'),
  tasks: () => import('./commands/tasks.ts'),
  show: () => import('./commands/show.ts'),
  trace: () => import('./commands/trace.ts'),
  watch: () => import('./commands/watch.ts'),
  cancel: () => import('./commands/cancel.ts'),
  respond: () => import('./commands/respond.ts'),
  fork: () => import('./commands/fork.ts'),
  export: () => import('./commands/export.ts'),
  import: () => import('./commands/import.ts'),
  index: () => import('./commands/index.ts'),
  search: () => import('./commands/search.ts'),
  mcp: () => import('./commands/mcp.ts'),
  router: () => import('./commands/router.ts'),
  retention: () => import('./commands/retention.ts'),
  quarantine: () => import('./commands/quarantine.ts'),
  models: () => import('./commands/models.ts'),
  'nats-context': () => import('./commands/nats-context.ts'),
  backup: () => import('./commands/backup.ts'),
  restore: () => import('./commands/restore.ts'),
  doctor: () => import('./commands/doctor.ts'),
  test: () => import('./commands/test.ts'),
  bench: () => import('./commands/bench.ts'),
  chaos: () => import('./commands/chaos.ts'),
  sim: () => import('./commands/sim.ts'),
};

async function versionText(): Promise<string> {
  const { default: manifest } = await import('../package.json', { with: { type: 'json' } });
  return `mesh ${manifest.version} (node ${process.versions.node})`;
}

/** What commander itself says: help goes the way of all output, errors are told by `report`. */
const output = {
  writeOut: (text: string): void => printText(text.replace(/\n$/, '')),
  outputError: (): void => undefined,
};

/** Only the wanted command is loaded: the others would cost every call their start-up time. */
async function buildProgram(argv: readonly string[]): Promise<Command> {
  const program = new Command('mesh')
    .description('A mesh of LLM agents that answers like a function call and survives like a database.')
    .usage('<command> [options]')
    .enablePositionalOptions()
    .version(await versionText(), '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .configureHelp({
      subcommandTerm: (command) => [command.name(), ...command.registeredArguments.map(argumentTerm)].join(' '),
    })
    .configureOutput(output)
    .addHelpText(
      'after',
      [
        '',
        'Start here:',
        `  ${meshCommand()} run "How does a task survive a crash?"   sets everything up and answers`,
        `  ${meshCommand()} <command> -h                             help and examples of a command`,
        '',
        'Exit codes: 0 ok · 1 the task failed · 2 usage or configuration · 3 a dependency is missing or unreachable',
      ].join('\n'),
    );
  const wanted = argv.find((word) => Object.hasOwn(commands, word));
  const first = argv.find((word) => !word.startsWith('-'));
  const isVersion = argv.length === 1 && (argv[0] === '-V' || argv[0] === '--version');
  const names = isVersion ? [] : wanted !== undefined && wanted === first ? [wanted] : Object.keys(commands);
  for (const name of names) {
    const module = await commands[name]?.();
    if (module) program.addCommand(module.command());
  }
  for (const command of everyCommand(program)) {
    command.exitOverride();
    command.configureOutput(output);
  }
  return program;
}

function argumentTerm(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '…' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

function usageError(error: CommanderError, argv: readonly string[]): string {
  const first = argv.find((word) => !word.startsWith('-'));
  const known = first !== undefined && Object.hasOwn(commands, first);
  const text = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  return `${text}${/[.?)]$/.test(text) ? '' : '.'} See \`mesh ${known ? `${first} ` : ''}-h\`.`;
}

function report(thrown: unknown, verbose: boolean): number {
  const failure = toFailure(thrown);
  const paint = painter(err);
  note(`${paint('red', 'mesh:')} ${hint(failure.message)}`);
  if (thrown instanceof CliError) for (const line of thrown.details) note(paint('dim', `  ${hint(line)}`));
  if (verbose) {
    for (const cause of causesOf(thrown)) note(`  because ${cause}`);
    if (!failure.expected && thrown instanceof Error && thrown.stack)
      for (const line of thrown.stack.split('\n')) note(line);
  } else if (!failure.expected) {
    note('  --verbose shows where it came from');
  }
  return failure.exitCode;
}

async function main(argv: readonly string[]): Promise<number> {
  const verbose = argv.includes('--verbose');
  try {
    const program = await buildProgram(argv);
    if (argv.length === 0) {
      program.outputHelp();
      return 0;
    }
    await program.parseAsync([...argv], { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : 0;
  } catch (error) {
    if (!(error instanceof CommanderError)) return report(error, verbose);
    if (error.exitCode === 0) return 0;
    if (error.code === 'commander.help') return 2; // a command with parts, called without one: its help was shown
    note(`${painter(err)('red', 'mesh:')} ${usageError(error, argv)}`);
    return 2;
  }
}

/** A reader that went away (`mesh tasks | head`) is no error. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

keepFilesPrivate();
await exitWhenWritten(await main(process.argv.slice(2)));
