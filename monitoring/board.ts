/**
 * The board of the mesh for Grafana, made with Grafana's own builders. Owns: its rows and queries. Does not own: the
 * metrics (`telemetry/metrics.ts`), or writing the file (`generate.ts`).
 *
 * In the order in which somebody looks who was woken: does it work, is it full, is the log behind, what failed and
 * crashed, what does it cost.
 */
import { DashboardBuilder, DatasourceVariableBuilder, RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { metrics } from '../telemetry/metrics.ts';

interface Shown {
  readonly title: string;
  readonly unit: string;
  /** Expression and legend of each line. */
  readonly lines: readonly (readonly [expr: string, legend: string])[];
}

const m = metrics;
const rate = (name: string, by: string): string => `sum by (${by}) (rate(${name}[$__rate_interval]))`;
const quantile = (share: number, name: string, by: string): string =>
  `histogram_quantile(${share}, sum by (${by}, le) (rate(${name}_bucket[$__rate_interval])))`;

const rows: readonly (readonly [title: string, panels: readonly Shown[]])[] = [
  [
    'Does it work',
    [
      { title: 'Tasks that ended', unit: 'reqps', lines: [[rate(m.tasks.name, 'status'), '{{status}}']] },
      {
        title: 'Time of a task',
        unit: 's',
        lines: [
          [quantile(0.5, m.taskSeconds.name, 'status'), 'half, {{status}}'],
          [quantile(0.95, m.taskSeconds.name, 'status'), '19 of 20, {{status}}'],
        ],
      },
      { title: 'Hops', unit: 'reqps', lines: [[rate(m.hops.name, 'role, status'), '{{role}} {{status}}']] },
      { title: 'Time of a hop, 19 of 20', unit: 's', lines: [[quantile(0.95, m.hopSeconds.name, 'role'), '{{role}}']] },
      { title: 'Loops', unit: 'reqps', lines: [[rate(m.loops.name, 'next'), '{{next}}']] },
      {
        title: 'Calls of the gateway',
        unit: 'reqps',
        lines: [[rate(m.calls.name, 'operation, reason'), '{{operation}} {{reason}}']],
      },
      {
        title: 'Time of a call, 19 of 20',
        unit: 's',
        lines: [[quantile(0.95, m.callSeconds.name, 'operation'), '{{operation}}']],
      },
    ],
  ],
  [
    'Is it full',
    [
      {
        title: 'Effects that run',
        unit: 'short',
        lines: [[`sum by (role, effect) (${m.running.name})`, '{{role}}/{{effect}}']],
      },
      {
        title: 'Queues',
        unit: 'percentunit',
        lines: [[`max by (role, effect) (${m.waiting.name} / ${m.queueMax.name})`, '{{role}}/{{effect}}']],
      },
      { title: 'Refusals', unit: 'reqps', lines: [[rate(m.refusals.name, 'role, effect'), '{{role}}/{{effect}}']] },
      {
        title: 'Memory of its cap',
        unit: 'percentunit',
        lines: [[`max by (service) (${m.memory.name} / ${m.memoryLimit.name})`, '{{service}}']],
      },
      { title: 'Heap', unit: 'bytes', lines: [[`max by (service) (${m.heap.name})`, '{{service}}']] },
      { title: 'Processor', unit: 'percentunit', lines: [[rate(m.cpuSeconds.name, 'service'), '{{service}}']] },
      {
        title: 'Event loop',
        unit: 'percentunit',
        lines: [[`max by (service) (${m.loopUtilization.name})`, '{{service}}']],
      },
      {
        title: 'Event loop late, 99 of 100',
        unit: 's',
        lines: [[quantile(0.99, m.loopDelay.name, 'service'), '{{service}}']],
      },
    ],
  ],
  [
    'Log and ledger',
    [
      { title: 'Not read yet', unit: 'short', lines: [[`max by (service) (${m.lag.name})`, '{{service}}']] },
      {
        title: 'Not in the log yet',
        unit: 'short',
        lines: [[`max by (service) (${m.unacknowledged.name})`, '{{service}}']],
      },
      {
        title: 'Inputs',
        unit: 'reqps',
        lines: [
          [rate(m.applied.name, 'service'), '{{service}}'],
          [rate(m.duplicates.name, 'service'), '{{service}}, came again'],
        ],
      },
      { title: 'Ledger', unit: 'bytes', lines: [[`max by (service) (${m.ledgerBytes.name})`, '{{service}}']] },
      { title: 'Checkpoints', unit: 'reqps', lines: [[rate(m.checkpoints.name, 'service'), '{{service}}']] },
      {
        title: 'Open tasks and limits of time',
        unit: 'short',
        lines: [
          [`sum by (service) (${m.instances.name})`, '{{service}} tasks'],
          [`sum by (service) (${m.timers.name})`, '{{service}} limits'],
        ],
      },
      {
        title: 'Partitions',
        unit: 'short',
        lines: [[`sum by (service, role) (${m.partitions.name})`, '{{service}} {{role}}']],
      },
    ],
  ],
  [
    'Failures and crashes',
    [
      {
        title: 'Attempts that failed',
        unit: 'percentunit',
        lines: [
          [
            `${rate(m.failures.name, 'role, effect')} / ${rate(m.attempts.name, 'role, effect')}`,
            '{{role}}/{{effect}}',
          ],
        ],
      },
      {
        title: 'Attempts after another',
        unit: 'short',
        lines: [[`sum by (cause) (increase(${m.retries.name}[$__interval]))`, '{{cause}}']],
      },
      {
        title: 'Crashes',
        unit: 'short',
        lines: [[`sum by (service, how) (increase(${m.crashes.name}[$__interval]))`, '{{service}} {{how}}']],
      },
      {
        title: 'Records folded',
        unit: 'short',
        lines: [[`sum by (service) (increase(${m.replayed.name}[$__interval]))`, '{{service}}']],
      },
      {
        title: 'Quarantine',
        unit: 'short',
        lines: [[`sum by (service) (increase(${m.quarantined.name}[$__interval]))`, '{{service}}']],
      },
      { title: 'Breakers', unit: 'short', lines: [[`max by (breaker) (${m.breakerOpen.name})`, '{{breaker}}']] },
    ],
  ],
  [
    'Models, tools, cost',
    [
      { title: 'Tokens', unit: 'short', lines: [[rate(m.tokens.name, 'model, direction'), '{{model}} {{direction}}']] },
      {
        title: 'Cost in an hour',
        unit: 'short',
        lines: [[`sum by (model) (increase(${m.cost.name}[1h]))`, '{{model}}']],
      },
      {
        title: 'Time of a generation, 19 of 20',
        unit: 's',
        lines: [[quantile(0.95, m.modelSeconds.name, 'model'), '{{model}}']],
      },
      {
        title: 'Time of a tool, 19 of 20',
        unit: 's',
        lines: [[quantile(0.95, m.toolSeconds.name, 'tool'), '{{tool}}']],
      },
      {
        title: 'Time of effects',
        unit: 'percentunit',
        lines: [[rate(m.effectSeconds.name, 'role, effect'), '{{role}}/{{effect}}']],
      },
    ],
  ],
  [
    'Telemetry itself',
    [
      { title: 'Spans sent', unit: 'reqps', lines: [[rate(m.spansSent.name, 'destination'), '{{destination}}']] },
      {
        title: 'Spans waiting and lost',
        unit: 'short',
        lines: [
          [`sum by (destination) (${m.spansWaiting.name})`, '{{destination}} waiting'],
          [`sum by (destination) (increase(${m.spansDropped.name}[$__interval]))`, '{{destination}} lost'],
        ],
      },
      {
        title: 'Full telemetry; lines not recorded',
        unit: 'short',
        lines: [
          [`max(${m.windowOpen.name})`, 'window'],
          [`sum by (service) (increase(${m.recorderLost.name}[$__interval]))`, '{{service}} lost'],
        ],
      },
    ],
  ],
];

const WIDTH = 8;
const HEIGHT = 7;

export function board(): object {
  const built = new DashboardBuilder('Agent Mesh')
    .uid('agent-mesh')
    .tags(['agent-mesh'])
    .refresh('10s')
    .time({ from: 'now-1h', to: 'now' })
    .withVariable(new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'));
  for (const [title, panels] of rows) {
    built.withRow(new RowBuilder(title));
    for (const panel of panels) built.withPanel(panelOf(panel));
  }
  return built.build();
}

function panelOf({ title, unit, lines }: Shown): PanelBuilder {
  const panel = new PanelBuilder()
    .title(title)
    .unit(unit)
    .min(0)
    .span(WIDTH)
    .height(HEIGHT)
    .datasource({ type: 'prometheus', uid: '$' + '{datasource}' });
  for (const [at, [expr, legend]] of lines.entries())
    panel.withTarget(
      new DataqueryBuilder()
        .refId(String.fromCharCode(65 + at))
        .expr(expr)
        .legendFormat(legend),
    );
  return panel;
}

/** Every expression of the board. */
export function boardExpressions(): string[] {
  return rows.flatMap(([, panels]) => panels.flatMap(({ lines }) => lines.map(([expr]) => expr)));
}
