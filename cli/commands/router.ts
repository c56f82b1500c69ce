/**
 * `mesh router`. Owns: how one decision is explained, how figures look, setting live values. Does not own: deciding, or
 * the figures (router/).
 */

import type { Command } from 'commander';
import { type LiveName, liveNames, parseLive, type Settings } from '../../config/settings.ts';
import { readNamed, writeNamed } from '../../guards/named-file.ts';
import {
  type Baseline,
  type Comparison,
  changeLines,
  compared,
  parseBaseline,
  recorded,
} from '../../router/baseline.ts';
import type { Evaluation, Judged } from '../../router/evaluate.ts';
import { figures, judge } from '../../router/evaluate.ts';
import { parseSamples, SamplesError } from '../../router/samples.ts';
import { hint } from '../called.ts';
import { declare, settingsNow } from '../command.ts';
import { CliError, pathProblem } from '../errors.ts';
import { withBus } from '../mesh-client.ts';
import type { Explained } from '../router-ask.ts';
import { explain, withRouter } from '../router-ask.ts';
import {
  columns,
  err,
  note,
  oneLine,
  out,
  type Paint,
  painter,
  print,
  printJson,
  statusLine,
  table,
} from '../terminal.ts';

const BAR_COLUMNS = 30;

interface EvalOptions {
  readonly file: string;
  readonly baseline?: string;
  readonly record?: true;
}

/** Names that people type, and the settings they mean. */
const short: Readonly<Record<string, LiveName>> = {
  threshold: 'ROUTER_CONFIDENCE_THRESHOLD',
  timeout: 'ROUTER_TIMEOUT_MS',
};

export function command(): Command {
  const parent = declare({
    name: 'router',
    group: 'Care',
    summary: 'explain a routing decision, measure many, change its settings live',
    details:
      'Decides in this process with the engine of the settings. When the mesh is up, its registry and live settings are taken into account.',
    examples: [
      ['router "Write a debounce function"', 'how this would be routed, and why'],
      ['router eval --file queries.tsv', 'accuracy on labelled queries (route<TAB>query per line)'],
      ['router set threshold 0.6', 'change a setting of the running mesh, at once'],
      ['router unset threshold', 'back to the value of the environment'],
    ],
  })
    .argument('[query]', 'what somebody might ask')
    .option('--json', 'print one JSON object')
    .action(async (query: string | undefined, options: { json?: true }) => {
      if (query === undefined || query.trim() === '') throw new CliError(2, 'a query is needed; see `mesh router -h`');
      await explainOne(query, options.json === true);
    });
  parent
    .command('eval')
    .description('decide on every labelled query of a file, and say how good the decisions are')
    .requiredOption('--file <path>', 'route<TAB>query per line')
    .option('--baseline <path>', 'compare with what was recorded there; exit code 1 when accuracy dropped')
    .option('--record', 'write what is decided now to the baseline')
    .option('--json', 'print one JSON object')
    .action((options: EvalOptions, self: Command) => evaluate(options, self.optsWithGlobals().json === true));
  parent
    .command('set <name> <value>')
    .description('change a live setting: threshold or timeout')
    .action((name: string, value: string) => set(settingOf(name), value));
  parent
    .command('unset <name>')
    .description('take a live setting back')
    .action((name: string) => unset(settingOf(name)));
  for (const child of parent.commands) child.option('--verbose', 'show the cause of an error');
  return parent;
}

function settingOf(name: string): LiveName {
  const setting = short[name] ?? liveNames.find((one) => one === name);
  if (setting === undefined)
    throw new CliError(2, `there is no live setting ${oneLine(name, 40)}; there are ${Object.keys(short).join(', ')}`);
  return setting;
}

async function set(name: LiveName, text: string): Promise<void> {
  const value = parseLive(name, text);
  await withBus(settingsNow(), async (bus) => {
    await bus.ensureTopology();
    await bus.kv('config').put(name, String(value));
  });
  print(hint(`${name} is ${value} from now on, for the whole mesh; \`mesh router unset\` takes it back.`));
}

async function unset(name: LiveName): Promise<void> {
  const settings = settingsNow();
  await withBus(settings, async (bus) => {
    await bus.ensureTopology();
    await bus.kv('config').delete(name);
  });
  print(`${name} is what the environment of each service says again (here ${settings[name]}).`);
}

async function explainOne(query: string, json: boolean): Promise<void> {
  const explained = await withRouter(settingsNow(), (asked) => explain(asked, query));
  if (json) return printJson(explained);
  const paint = painter(out);
  for (const line of explanation(explained, paint)) print(line);
}

function explanation({ decision, options, roles, problem, threshold, asked }: Explained, paint: Paint): string[] {
  const { reason, engine, ms, fallback, confidence } = decision;
  const ordered = Object.entries(decision.probabilities).sort(([, one], [, other]) => other - one);
  const rows = ordered.map(([route, probability]) => {
    const chosen = route === decision.decision;
    const bar = '█'.repeat(Math.round(probability * BAR_COLUMNS)).padEnd(BAR_COLUMNS, '·');
    const steps = options.find(({ name }) => name === route)?.steps.join(' → ') ?? '';
    return [
      `${chosen ? paint('green', '→') : ' '} ${chosen ? paint('bold', route) : route}`,
      paint(chosen ? 'green' : 'dim', bar),
      `${(probability * 100).toFixed(1)} %`.padStart(7),
      paint('dim', steps),
    ];
  });
  const ill = roles.filter(({ healthy, saturated }) => !healthy || saturated);
  const sure = `${Math.round(confidence * 100)} %, the threshold is ${Math.round(threshold * 100)} %`;
  return [
    `${paint('bold', decision.decision)} ${fallback ? paint('yellow', '(fallback)') : ''}  ${sure}`.replace('  ', ' '),
    ...table(rows),
    `${paint('dim', 'why')}     ${reason}`,
    `${paint('dim', 'engine')}  ${engine}, ${ms} ms`,
    `${paint('dim', 'mesh')}    ${asked ?? 'not asked: it is down; roles count as well, settings are those of the environment'}`,
    ...ill.map(({ role, reason: why }) => `${paint('yellow', '!')} ${role}: ${why}`),
    ...(problem === null ? [] : [`${paint('yellow', '!')} ${problem}`]),
  ];
}

async function evaluate(options: EvalOptions, json: boolean): Promise<void> {
  const { file: path, baseline, record } = options;
  if (record && baseline === undefined) throw new CliError(2, '--record needs --baseline <path>');
  const settings: Settings = settingsNow();
  const text = readText(path);
  const line = statusLine(err);
  const result = await withRouter(
    settings,
    async (asked) => {
      const samples = samplesOf(
        text,
        path,
        asked.options.map(({ name }) => name),
      );
      // The first decision loads the model; it is no part of any figure.
      await asked.ready();
      const judged = await judge(asked.router, samples, (done) => line.set(`${done} of ${samples.length}`));
      return { judged, problem: asked.problem() };
    },
    { alone: true },
  );
  line.clear();
  const evaluation = figures(result.judged);
  if (record && baseline !== undefined) writeNamed(baseline, `${JSON.stringify(recorded(result.judged), null, 2)}\n`);
  const comparison = baseline === undefined || record ? null : compared(baselineAt(baseline), result.judged);
  if (comparison?.dropped) process.exitCode = 1;
  if (json) return printJson(comparison === null ? evaluation : { ...evaluation, baseline: comparison });
  const paint = painter(out);
  for (const one of report(evaluation, result.judged, paint)) print(one);
  if (comparison !== null) for (const one of comparisonLines(comparison, paint)) print(one);
  if (result.problem !== null) note(`${painter(err)('yellow', '!')} ${result.problem}`);
}

function baselineAt(path: string): Baseline {
  const text = readText(path);
  try {
    return parseBaseline(text);
  } catch (error) {
    throw new CliError(2, `${oneLine(path, 200)} is no baseline; make one with --record`, { cause: error });
  }
}

function comparisonLines({ was, is, dropped, changes }: Comparison, paint: Paint): string[] {
  const verdict = dropped ? paint('red', 'accuracy dropped') : 'accuracy did not drop';
  return [
    `Against the baseline: ${percent(was)} → ${percent(is)}, ${verdict}`,
    ...changeLines(changes).map((line) => `  ${line}`),
  ];
}

function readText(path: string): string {
  try {
    return readNamed(path).toString('utf8');
  } catch (error) {
    const reason = pathProblem(error) ?? String(error);
    throw new CliError(2, `${oneLine(path, 200)} cannot be read: ${reason}`, { cause: error });
  }
}

function samplesOf(text: string, path: string, routes: readonly string[]) {
  try {
    return parseSamples(text, routes);
  } catch (error) {
    if (!(error instanceof SamplesError)) throw error;
    throw new CliError(2, `${oneLine(path, 200)}: ${error.message}`, { cause: error, details: error.lines });
  }
}

const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;

function report(evaluation: Evaluation, judged: readonly Judged[], paint: Paint): string[] {
  const { n, accuracy, ece, perClass, confusion, fallbacks, caught, p50_ms, p95_ms, engine } = evaluation;
  const classes = Object.entries(perClass).map(([route, one]) => {
    const { [route]: _right, ...others } = confusion[route] ?? {};
    const astray = Object.entries(others).map(([other, count]) => `${count} to ${other}`);
    return [
      `  ${route}`,
      `${one.n}`,
      `recall ${percent(one.recall)}`,
      `precision ${one.precision === null ? '–' : percent(one.precision)}`,
      paint('dim', astray.join(', ')),
    ];
  });
  const wrong = judged.filter((one) => one.likeliest !== one.route);
  const width = Math.max(20, columns(out) - 44);
  const misses = wrong.map(({ line, route, likeliest, decision, query }) => [
    `  ${line}`,
    `${route} → ${likeliest}`,
    percent(decision.probabilities[likeliest] ?? decision.confidence),
    decision.fallback ? paint('yellow', 'fallback') : '',
    paint('dim', oneLine(query, width)),
  ]);
  return [
    `${paint('bold', `${percent(accuracy)} right`)} of ${n} by ${engine}; calibration error ${ece.toFixed(3)}`,
    ...table(classes),
    `${fallbacks} took the fallback: ${caught.wrongCaught} of ${caught.wrong} wrong decisions, ${caught.rightCaught} of ${n - caught.wrong} right ones`,
    `${p50_ms} ms in the median, 95 % within ${p95_ms} ms`,
    ...(misses.length === 0 ? [] : [paint('bold', 'Wrong'), ...table(misses)]),
  ];
}
