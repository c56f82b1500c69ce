/**
 * `mesh quarantine`. Owns: how what could not be accepted is listed and shown. Does not own: reading it and sending
 * it again (task-client/quarantine.ts).
 */
import type { Command } from 'commander';
import type { Bus, StoredMessage } from '../../bus/port.ts';
import { parseJson } from '../../schemas/events/envelope.ts';
import {
  entryOf,
  listQuarantine,
  type QuarantineEntry,
  redrive as redriveEntry,
} from '../../task-client/quarantine.ts';
import { plainJson } from '../../telemetry/plain-json.ts';
import { declare, settingsNow } from '../command.ts';
import { CliError } from '../errors.ts';
import { withBus } from '../mesh-client.ts';
import {
  bytes,
  columns,
  duration,
  oneLine,
  out,
  painter,
  print,
  printJson,
  printText,
  safeText,
  table,
} from '../terminal.ts';

/** The latest entries that `ls` shows; older ones are still there by their number. */
const LIST_MAX = 200;
const BODY_CHARS_SHOWN = 8000;

export function command(): Command {
  const parent = declare({
    name: 'quarantine',
    group: 'Care',
    summary: 'what could not be accepted, and why',
    details: 'A redriven message goes to where it first came from, as it was; fix the cause before.',
    examples: [
      ['quarantine ls', 'the latest entries'],
      ['quarantine show 3', 'reason and content'],
      ['quarantine redrive 3', 'send it again'],
    ],
  });
  parent
    .command('ls')
    .description('list the latest entries')
    .option('--json', 'print a JSON array')
    .action((options: { json?: true }) => list(options.json === true));
  parent
    .command('show <seq>')
    .description('show one entry with its content')
    .option('--json', 'print one JSON object')
    .action((seq: string, options: { json?: true }) => show(sequence(seq), options.json === true));
  parent
    .command('redrive <seq>')
    .description('send it again to where it came from')
    .action((seq: string) => redrive(sequence(seq)));
  for (const child of parent.commands) child.option('--verbose', 'show the cause of an error');
  return parent;
}

interface Entry {
  readonly seq: number;
  readonly at: string;
  readonly role: string;
  readonly code: string;
  readonly reason: string;
  readonly originSubject: string;
  readonly originSeq: number;
  readonly truncated: boolean;
  readonly bytes: number;
}

function sequence(text: string): number {
  if (!/^[1-9]\d{0,15}$/.test(text))
    throw new CliError(2, `not a number of the list: ${oneLine(text, 40)}; see \`mesh quarantine ls\``);
  return Number(text);
}

function shownOf(message: StoredMessage): Entry {
  return timed(entryOf(message));
}

function timed({ atMs, seq, ...rest }: QuarantineEntry): Entry {
  return { seq, at: new Date(atMs).toISOString(), ...rest };
}

async function list(json: boolean): Promise<void> {
  const entries = (await withBus(settingsNow(), (bus) => listQuarantine(bus, LIST_MAX))).map(timed);
  if (json) return printJson(entries);
  if (entries.length === 0) return print('The quarantine is empty.');
  const paint = painter(out);
  const rows = entries.map((one) => [
    paint('bold', String(one.seq)),
    `${duration(Date.now() - Date.parse(one.at))} ago`,
    one.role,
    paint('red', one.code),
    `${one.originSubject.split('.').slice(0, 3).join('.')}#${one.originSeq}`,
    oneLine(one.reason, Math.max(20, columns(out) - 70)),
  ]);
  const head = ['no.', 'when', 'by', 'code', 'origin', 'reason'].map((text) => paint('dim', text));
  for (const line of table([head, ...rows])) print(line);
}

async function fetchEntry(bus: Bus, seq: number): Promise<StoredMessage> {
  const message = await bus.get(seq, 'quarantine');
  if (message === null) throw new CliError(2, `the quarantine has no number ${seq}; see \`mesh quarantine ls\``);
  return message;
}

async function show(seq: number, json: boolean): Promise<void> {
  const message = await withBus(settingsNow(), (bus) => fetchEntry(bus, seq));
  const entry = shownOf(message);
  const body = new TextDecoder().decode(message.data);
  if (json) return printJson({ ...entry, body });
  const paint = painter(out);
  const rows = [
    ['reason', entry.reason],
    ['code', entry.code],
    ['refused by', entry.role],
    ['came on', `${entry.originSubject}, number ${entry.originSeq} of the log`],
    ['when', entry.at],
    ['size', `${bytes(entry.bytes)}${entry.truncated ? ', only the beginning is kept here' : ''}`],
  ].map(([name = '', value = '']) => [paint('dim', name), value]);
  for (const line of table(rows)) print(line);
  print();
  const parsed = parseJson(body);
  const text = parsed.ok ? plainJson(JSON.stringify(parsed.value, null, 2)) : safeText(body);
  printText(text.slice(0, BODY_CHARS_SHOWN));
  if (text.length > BODY_CHARS_SHOWN)
    print(paint('dim', `… ${text.length - BODY_CHARS_SHOWN} more characters; --json has them`));
}

async function redrive(seq: number): Promise<void> {
  await withBus(settingsNow(), async (bus) => {
    const done = await redriveEntry(bus, await fetchEntry(bus, seq));
    if (typeof done === 'string') throw new CliError(1, done);
    print(
      `Sent again to ${done.subject} as number ${done.sentAs} of the log. If it is refused again, it comes back to the quarantine.`,
    );
  });
}
