/**
 * `mesh retention`. Owns: showing and setting how long things are kept. Does not own: the forms of a time
 * (config/retention.ts), or removing (the log server by age, services/retention.ts by task).
 *
 * The log server has every value, so all processes and all machines of a mesh mean the same.
 */
import type { Command } from 'commander';
import type { Bus, StreamName } from '../../bus/port.ts';
import { ageText, KEEP_TASKS, parseAge } from '../../config/retention.ts';
import { declare, settingsNow } from '../command.ts';
import { CliError } from '../errors.ts';
import { withBus } from '../mesh-client.ts';
import { oneLine, out, painter, print, printJson, table } from '../terminal.ts';

const HOUR_MS = 60 * 60_000;

type Name = 'tasks' | 'log' | 'quarantine';

interface Kept {
  readonly what: string;
  /** Null: as long as the log. */
  readonly read: (bus: Bus) => Promise<number | null>;
  readonly write: (bus: Bus, ms: number) => Promise<unknown>;
}

const ofStream = (stream: StreamName): Pick<Kept, 'read' | 'write'> => ({
  read: async (bus) => (await bus.streamInfo(stream)).maxAgeMs,
  write: (bus, ms) => bus.setMaxAge(ms, stream),
});

const kept: Readonly<Record<Name, Kept>> = {
  tasks: {
    what: 'the trails of ended tasks: their facts, and the artifacts in them',
    read: async (bus) => parseAge((await bus.kv('config').get(KEEP_TASKS))?.value ?? ''),
    write: (bus, ms) => bus.kv('config').put(KEEP_TASKS, ageText(ms)),
  },
  log: { what: 'everything in the log: submissions, facts, journals; also of tasks that go on', ...ofStream('log') },
  quarantine: { what: 'what could not be accepted', ...ofStream('quarantine') },
};

export function command(): Command {
  const parent = declare({
    name: 'retention',
    group: 'Care',
    summary: 'show and set how long things are kept',
    details:
      'Without arguments it shows. Ended tasks that are older go within the hour, and everything in the log goes by age. That a task has run is kept for ever, in few bytes: its id is never run anew.',
    examples: [
      ['retention', 'what is kept, and for how long'],
      ['retention set tasks 3d', 'trails of ended tasks for three days'],
      ['retention set log 14d', 'the log for two weeks'],
      ['retention unset tasks', 'for as long as the log again'],
    ],
  })
    .option('--json', 'print one JSON object')
    .action((options: { json?: true }) => show(options.json === true));
  parent
    .command('set <what> <age>')
    .description(`set how long: ${Object.keys(kept).join(', ')}; an age such as 12h or 7d`)
    .action((what: string, age: string) => set(what, age));
  parent
    .command('unset <what>')
    .description('keep ended tasks for as long as the log again')
    .action((what: string) => unset(what));
  for (const child of parent.commands) child.option('--verbose', 'show the cause of an error');
  return parent;
}

async function show(json: boolean): Promise<void> {
  const values = await withBus(settingsNow(), async (bus) => {
    await bus.ensureTopology();
    return Promise.all(Object.entries(kept).map(async ([name, one]) => ({ name, ...one, ms: await one.read(bus) })));
  });
  if (json)
    return printJson(Object.fromEntries(values.map(({ name, ms }) => [name, ms === null ? null : ageText(ms)])));
  const paint = painter(out);
  const told = (ms: number | null): string => (ms === null ? 'as the log' : ms === 0 ? 'for ever' : ageText(ms));
  const head = ['what', 'kept', ''].map((text) => paint('dim', text));
  for (const line of table([head, ...values.map(({ name, what, ms }) => [name, told(ms), paint('dim', what)])]))
    print(line);
}

function keptOf(word: string): Kept {
  const found = Object.entries(kept).find(([name]) => name === word);
  if (found === undefined)
    throw new CliError(
      2,
      `there is nothing called ${oneLine(word, 40)} to keep; there are ${Object.keys(kept).join(', ')}`,
    );
  return found[1];
}

async function set(word: string, text: string): Promise<void> {
  const one = keptOf(word);
  const ms = parseAge(text);
  if (ms === null) throw new CliError(2, `not an age: ${oneLine(text, 40)}; write 30m, 12h or 7d, at most ten years`);
  // A host that is away for longer than the log is kept has lost what it had not read.
  if (word === 'log' && ms < HOUR_MS)
    throw new CliError(2, 'the log is kept for at least 1h: hosts that were away read it');
  await withBus(settingsNow(), async (bus) => {
    await bus.ensureTopology();
    await one.write(bus, ms);
  });
  print(`Kept for ${ageText(ms)} from now on: ${one.what}.`);
}

async function unset(word: string): Promise<void> {
  if (word !== 'tasks')
    throw new CliError(
      2,
      `only tasks can be unset; \`mesh retention set ${oneLine(word, 40)} <age>\` sets another time`,
    );
  await withBus(settingsNow(), async (bus) => {
    await bus.ensureTopology();
    await bus.kv('config').delete(KEEP_TASKS);
  });
  print('Trails of ended tasks are kept for as long as the log again.');
}
