/**
 * The results as a picture: four panels of bars, one bar a system. Owns: the SVG, written by hand; a pure function. Does
 * not own: where it is kept.
 *
 * Colours follow the reader's preference for light or dark, and every bar has its figure in text beside it.
 */
import { type Results, type Summary, summaryOf } from './results.ts';
import { figure } from './table.ts';

interface Panel {
  readonly title: string;
  readonly hint: string;
  readonly value: (summary: Summary) => number | null;
}

const panels: readonly Panel[] = [
  { title: 'p50 of a run, one caller, ms', hint: 'shorter is better', value: ({ p50Ms }) => p50Ms },
  { title: 'runs a second, 32 callers', hint: 'longer is better', value: ({ perSecond }) => perSecond[32] },
  { title: 'CPU of a run, 32 callers, ms', hint: 'shorter is better', value: ({ cpuMsPerRun }) => cpuMsPerRun[32] },
  {
    title: 'killed with 100 in flight: all finished, s',
    hint: 'shorter is better',
    value: ({ finishedMs }) => (finishedMs === null ? null : finishedMs / 1000),
  },
];

/** Pixels. */
const PANEL_WIDTH = 470;
const LABEL_WIDTH = 165;
const FIGURE_WIDTH = 60;
const ROW = 24;
const BAR = 15;
const HEAD = 44;
const MARGIN = 16;

/** One bar that is so many times as long as the next would leave nothing to see of the others: it is cut off. */
const OUTLIER = 3;

const STYLE = `
  .page { fill: #ffffff } text { fill: #1f2328; font: 12px system-ui, sans-serif }
  .title { font-weight: 600; font-size: 13px } .hint, .note { fill: #59636e }
  .bar { fill: #8c959f } .ours { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } text { fill: #e6edf3 } .hint, .note { fill: #9198a1 }
    .bar { fill: #6e7681 } .ours { fill: #4493f8 }
  }`;

export function plot(results: Results): string {
  const shown = results.outcomes.map((outcome) => ({ ...outcome, summary: summaryOf(outcome) }));
  const panelHeight = HEAD + shown.length * ROW + MARGIN;
  const width = 2 * PANEL_WIDTH + 3 * MARGIN;
  const height = 2 * panelHeight + 3 * MARGIN;
  const drawn = panels.map((panel, index) => {
    const x = MARGIN + (index % 2) * (PANEL_WIDTH + MARGIN);
    const y = MARGIN + Math.floor(index / 2) * panelHeight;
    const bars = shown.map(({ title, ours, summary }) => ({ title, ours, value: panel.value(summary) }));
    return `<g transform="translate(${x} ${y})">${drawPanel(panel, bars)}</g>`;
  });
  const { machine, date, commit, repetitions } = results;
  const note = `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, ${date.slice(0, 10)}, ${commit}; medians of ${repetitions}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Five durable steps, side by side">`,
    `<style>${STYLE}</style>`,
    `<rect class="page" width="${width}" height="${height}" rx="8"/>`,
    ...drawn,
    `<text class="note" x="${MARGIN}" y="${height - MARGIN}">${escaped(note)}</text>`,
    '</svg>\n',
  ].join('\n');
}

function drawPanel(
  { title, hint }: Panel,
  bars: readonly { readonly title: string; readonly ours: boolean; readonly value: number | null }[],
): string {
  const most = longestShown(bars.map(({ value }) => value ?? 0));
  const room = PANEL_WIDTH - LABEL_WIDTH - FIGURE_WIDTH;
  const drawn = bars.map(({ title: name, ours, value }, index) => {
    const y = HEAD + index * ROW;
    const length = value === null || most === 0 ? 0 : Math.max(1, Math.round(Math.min(1, value / most) * room));
    const text = value === null ? 'not measured' : `${value > most ? '… ' : ''}${figure(value)}`;
    return [
      `<text x="${LABEL_WIDTH - 8}" y="${y + 12}" text-anchor="end">${escaped(name.replaceAll('`', ''))}</text>`,
      `<rect class="bar${ours ? ' ours' : ''}" x="${LABEL_WIDTH}" y="${y}" width="${length}" height="${BAR}" rx="2"/>`,
      `<text x="${LABEL_WIDTH + length + 6}" y="${y + 12}">${text}</text>`,
    ].join('');
  });
  return [
    `<text class="title" x="0" y="14">${escaped(title)}</text>`,
    `<text class="hint" x="0" y="31">${escaped(hint)}</text>`,
    ...drawn,
  ].join('\n');
}

/** What a bar of full length stands for. */
function longestShown(values: readonly number[]): number {
  const [first = 0, second = 0] = [...values].sort((a, b) => b - a);
  return second > 0 && first > OUTLIER * second ? second * 1.25 : first;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
