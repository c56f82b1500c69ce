/**
 * The results as rows. Owns: which figures are shown and how they are rounded; pure. Does not own: where they are shown.
 */
import { LOADS, type Outcome, type Results, summaryOf } from './results.ts';

export const heads = [
  'system',
  'p50 / p95 ms, C=1',
  'runs/s, C=1 / 8 / 32',
  'CPU ms a run, C=1 / 8 / 32',
  'MB idle / load',
  'bytes a run',
  'kill: all finished',
  'bodies begun / completed twice',
] as const;

const NONE = '–';

/** Three digits are as many as a busy machine repeats. */
export function figure(value: number | null): string {
  if (value === null) return NONE;
  if (value >= 1000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

/** One row a system; one that was not measured says why, where its figures would be. */
export function rows({ outcomes }: Results): string[][] {
  return outcomes.map((outcome) => {
    const { title, samples, kill, problems } = outcome;
    if (samples.length === 0 && kill === null) return [title, problems.join('; ') || 'not measured'];
    const summary = summaryOf(outcome);
    const loads = (values: Readonly<Record<number, number | null>>): string =>
      LOADS.map((load) => figure(values[load] ?? null)).join(' / ');
    return [
      problems.length === 0 ? title : `${title} (${problems.join('; ')})`,
      `${figure(summary.p50Ms)} / ${figure(summary.p95Ms)}`,
      loads(summary.perSecond),
      loads(summary.cpuMsPerRun),
      `${figure(summary.idleMb)} / ${figure(summary.loadMb)}`,
      figure(summary.bytesPerRun),
      kill === null ? NONE : `${figure(kill.finishedMs / 1000)} s`,
      kill === null ? NONE : `${kill.begunTwice} / ${kill.endedTwice}${lost(outcome)}`,
    ];
  });
}

/** A run that is called finished without all of its steps: that would be worse than slow. */
function lost({ kill }: Outcome): string {
  if (kill === null) return '';
  const missing = kill.runs * 5 - kill.stepsDone;
  return missing === 0 ? '' : `, ${missing} never done`;
}

export function terminalTable(results: Results): string {
  const all = [[...heads], ...rows(results)];
  const widths = heads.map((_, column) =>
    Math.max(...all.filter((row) => row.length === heads.length).map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return `${all.map(line).join('\n')}\n`;
}

export function markdownTable(results: Results): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const line = (row: readonly string[]): string => {
    const padded = [...row, ...Array.from({ length: heads.length - row.length }, () => '')];
    return `| ${padded.map(cell).join(' | ')} |`;
  };
  return [line(heads), `|${heads.map(() => '---').join('|')}|`, ...rows(results).map(line)].join('\n');
}
