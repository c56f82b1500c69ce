/**
 * The process under measurement: the real host with the orchestrator and the echo role, and the workflow of five hops.
 * Owns: putting them together. Does not own: any measuring.
 */

import { dirname, join } from 'node:path';
import { loadRoleDefinitions, rolesOf } from '../actors/roles/index.ts';
import { createHost } from '../actors/runtime/host.ts';
import { openSqliteLedger } from '../actors/runtime/ledger/sqlite-ledger.ts';
import { systemClock } from '../actors/runtime/ports.ts';
import { checkWorkflow, type Workflow } from '../actors/workflows/index.ts';
import { connectBus } from '../bus/nats-bus.ts';
import { readSettings } from '../config/settings.ts';
import { ingress } from '../ingress/ingress.ts';
import { createSkillBook } from '../prompting/skill-book.ts';
import { createBreakers } from '../resilience/breakers.ts';
import { serviceNamed } from '../services/table.ts';
import { createTelemetry, type Telemetry } from '../services/telemetry.ts';
import { createLog } from '../telemetry/log.ts';

const [url = '', ledgerPath = '', commitMode = 'group'] = process.argv.slice(2);

const steps = Array.from({ length: 5 }, (_, index) => ({ step: `echo-${index + 1}`, role: 'echo', timeoutMs: 60_000 }));
const workflow: Workflow = checkWorkflow(
  { name: 'bench', description: 'Five hops.', steps },
  'bench',
  new Set(['echo']),
);
const route = {
  decision: 'bench',
  confidence: 1,
  fallback: false,
  reason: 'the only one',
  probabilities: {},
  engine: 'rules',
  ms: 0,
};

const log = createLog('bench', 'info');
const telemetry = telemetryOf(process.env.BENCH_TRACING ?? 'off');
const bus = await connectBus({ url, name: 'bench', leaseTtlMs: 5000 });
await bus.ensureTopology();
telemetry?.attach(bus);
const ledger = await openSqliteLedger(ledgerPath);
const ports = {
  router: { decide: () => Promise.resolve({ decision: route, next: 'begin' as const }) },
  workflows: new Map([['bench', workflow]]),
  readWorkflow: () => workflow,
  knowledge: () => {
    throw new Error('not measured');
  },
  llm: { engine: null, kind: 'extractive', timeoutMs: 1000, parallel: 2, queueMax: 64 },
  tools: {
    choose: () => Promise.reject(new Error('not measured')),
    offers: () => Promise.reject(new Error('not measured')),
    check: () => Promise.reject(new Error('not measured')),
    run: () => Promise.reject(new Error('not measured')),
  },
  breakers: createBreakers(log),
  runsExamples: false,
  skills: createSkillBook([]),
  showText: () => () => undefined,
};
const own = { threads: () => 1, memoryLimitMb: () => 1, rssMb: () => 1 };
const found = await loadRoleDefinitions(
  [],
  [join(import.meta.dirname, '../actors/roles'), process.env.BENCH_ROLES ?? join(import.meta.dirname, 'roles')],
);
const roles = await rolesOf('agents', found, ports);
const host = createHost({
  name: 'bench',
  service: 'agents',
  roles: roles.filter(({ name }) => name === 'orchestrator' || name === 'echo'),
  ingress: [ingress],
  bus,
  ledger,
  clock: systemClock,
  log,
  commitMode: commitMode === 'hop' ? 'hop' : 'group',
  ...(telemetry === null ? {} : { tracing: telemetry.tracing(own) }),
  onFatal: (error) => {
    log.error({ error: error.message }, 'cannot go on');
    process.exit(error.exitCode);
  },
});
process.on('SIGTERM', () => {
  void host
    .stop()
    .then(() => telemetry?.close())
    .then(() => bus.close())
    .then(() => process.exit(0));
});
await host.start();
log.info({}, 'ready');

/** @param kept `off`: nothing is told; `shipping`: as many traces as by default; `all`: of every task */
function telemetryOf(kept: string): Telemetry | null {
  const service = serviceNamed('agents');
  if (kept === 'off' || service === null) return null;
  const perSecond = kept === 'all' ? { OBS_TRACES_PER_SECOND: '1000000' } : {};
  const settings = readSettings({ MESH_HOME: join(dirname(ledgerPath), `home-${kept}`), ...perSecond });
  return createTelemetry({ service, settings, hostId: 'bench', version: '0' });
}
