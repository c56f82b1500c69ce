/**
 * The generated part of docs/benchmarks.md. Owns: the text between the markers, of results alone; pure. Does not own:
 * the text around it, or the picture (plot.ts).
 */
import { type Outcome, type Results, type Summary, summaryOf } from './results.ts';
import { figure, markdownTable } from './table.ts';

export const BEGIN = '<!-- peers:begin (written by `./mesh bench --peers --write-docs`) -->';
export const END = '<!-- peers:end -->';

interface Measure {
  readonly name: string;
  readonly unit: string;
  readonly higherIsBetter: boolean;
  readonly value: (summary: Summary) => number | null;
}

const measures: readonly Measure[] = [
  { name: 'latency of one caller, p50', unit: ' ms', higherIsBetter: false, value: ({ p50Ms }) => p50Ms },
  { name: 'throughput, 8 callers', unit: '/s', higherIsBetter: true, value: ({ perSecond }) => perSecond[8] },
  { name: 'throughput, 32 callers', unit: '/s', higherIsBetter: true, value: ({ perSecond }) => perSecond[32] },
  { name: 'CPU of a run, 32 callers', unit: ' ms', higherIsBetter: false, value: ({ cpuMsPerRun }) => cpuMsPerRun[32] },
  { name: 'memory under load', unit: ' MB', higherIsBetter: false, value: ({ loadMb }) => loadMb },
  { name: 'bytes on disk a run', unit: '', higherIsBetter: false, value: ({ bytesPerRun }) => bytesPerRun },
  { name: 'all finished after the kill', unit: ' ms', higherIsBetter: false, value: ({ finishedMs }) => finishedMs },
];

/** Above this load for each core something else was at work before the race. */
const QUIET_LOAD = 0.25;

/** @throws Error when the markers are not there once each, in order */
export function writeSection(document: string, results: Results, picture: string): string {
  const [before, rest, ...more] = document.split(BEGIN);
  const [, after, ...others] = rest?.split(END) ?? [];
  if (before === undefined || after === undefined || more.length > 0 || others.length > 0) {
    throw new Error(`the document needs one line ${BEGIN} and one line ${END} after it`);
  }
  return `${before}${BEGIN}\n\n${section(results, picture)}\n\n${END}${after}`;
}

function section(results: Results, picture: string): string {
  const { machine, date, commit, repetitions, seconds } = results;
  const where = [
    `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGib} GiB, ${machine.platform}`,
    `Node ${machine.node}, nats-server ${machine.natsServer}`,
    `fdatasync ${machine.fdatasyncMs} ms, load before the race ${machine.loadBefore}`,
  ];
  const how = `medians of ${repetitions} interleaved ${repetitions === 1 ? 'repetition' : 'repetitions'}, ${seconds} s a load`;
  const busy =
    machine.loadBefore > QUIET_LOAD * machine.cores
      ? ' **Preliminary:** other work ran on the same cores and disk meanwhile and hit the systems unequally; repeat it on a quiet machine before you compare.'
      : '';
  return [
    `Run of ${date.slice(0, 10)} at commit ${commit}: ${where.join('; ')}. Shown are ${how}.${busy}`,
    markdownTable(results),
    `![The same in bars; one with … before its figure is cut off](${picture})`,
    'What ran, and what makes a finished step durable:',
    systemsTable(results),
    'Wins and losses, best first:',
    standings(results),
  ].join('\n\n');
}

function systemsTable({ outcomes }: Results): string {
  const rows = outcomes.map(
    ({ title, runs, durability, versions }) => `| ${title} | ${runs} | ${durability} | ${versions} |`,
  );
  return ['| system | what runs | durable by | versions |', '|---|---|---|---|', ...rows].join('\n');
}

/** Every measure, lost ones too: where ours stands among all that were measured. */
export function standings({ outcomes }: Results): string {
  const lines = measures.map(({ name, unit, higherIsBetter, value }) => {
    const ranked = outcomes
      .map((outcome: Outcome) => ({ outcome, at: value(summaryOf(outcome)) }))
      .flatMap(({ outcome, at }) => (at === null ? [] : [{ ...outcome, at }]))
      .sort((a, b) => (higherIsBetter ? b.at - a.at : a.at - b.at));
    const list = ranked.map(({ title, ours, at }) => {
      const text = `${title} ${figure(at)}${unit}`;
      return ours ? `**${text}**` : text;
    });
    return `- ${name}: ${list.length === 0 ? 'not measured' : list.join(', ')}`;
  });
  return lines.join('\n');
}
