/**
 * A host of the orchestrator and a role that echoes, in the test's own process, on a real log and a real ledger: for
 * tests that need small limits, or hundreds of tasks. Owns: putting it together. Does not own: the log server.
 */

import { join } from 'node:path';
import { loadRoleDefinitions, rolesOf } from '../../actors/roles/index.ts';
import type { AtCrashPoint } from '../../actors/runtime/crash-points.ts';
import type { FatalError } from '../../actors/runtime/errors.ts';
import { createHost, type HostStats } from '../../actors/runtime/host.ts';
import { openSqliteLedger } from '../../actors/runtime/ledger/sqlite-ledger.ts';
import type { RuntimeLimits } from '../../actors/runtime/limits.ts';
import { type RuntimeLog, systemClock } from '../../actors/runtime/ports.ts';
import { checkWorkflow } from '../../actors/workflows/index.ts';
import { connectBus } from '../../bus/nats-bus.ts';
import { projectRoot } from '../../config/settings.ts';
import { doors, ingress } from '../../ingress/ingress.ts';
import { createSkillBook } from '../../prompting/skill-book.ts';
import { createBreakers } from '../../resilience/breakers.ts';

export interface EchoHost {
  readonly fatal: readonly FatalError[];
  stats(): HostStats;
  /** In order; the connection is closed after it. */
  stop(): Promise<void>;
}

export interface EchoHostOptions {
  readonly url: string;
  readonly name: string;
  readonly ledger: string;
  readonly leaseTtlMs: number;
  readonly limits: Partial<RuntimeLimits>;
  readonly at?: AtCrashPoint;
  /** It takes what nobody else is there for. */
  readonly standby?: boolean;
  /** False: nobody waits until it has caught up. */
  readonly waits?: boolean;
}

/** Every task takes this one. */
const echoWorkflow = checkWorkflow(
  {
    name: 'echo',
    description: 'Two hops.',
    steps: ['echo-1', 'echo-2'].map((step) => ({ step, role: 'echo', timeoutMs: 60_000 })),
  },
  'echo',
  new Set(['echo']),
);

const ignore = () => undefined;
const log: RuntimeLog = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const unused = () => Promise.reject(new Error('an echo needs no such thing'));
const route = {
  ...{ decision: 'echo', confidence: 1, fallback: false, reason: 'the only one', probabilities: {}, engine: 'rules' },
  ms: 0,
};
const ports = {
  router: { decide: () => Promise.resolve({ decision: route, next: 'begin' as const }) },
  workflows: new Map([['echo', echoWorkflow]]),
  readWorkflow: () => echoWorkflow,
  knowledge: () => {
    throw new Error('an echo needs no such thing');
  },
  llm: { engine: null, kind: 'extractive', timeoutMs: 1000, parallel: 2, queueMax: 64 },
  tools: { choose: unused, offers: unused, check: unused, run: unused },
  breakers: createBreakers(log),
  runsExamples: false,
  skills: createSkillBook([]),
  showText: () => () => undefined,
};

export async function startEchoHost(options: EchoHostOptions): Promise<EchoHost> {
  const { url, name, leaseTtlMs, limits, at = () => undefined, waits = true, standby = false } = options;
  const bus = await connectBus({ url, name, leaseTtlMs });
  await bus.ensureTopology();
  const folders = ['actors/roles', 'bench/roles'].map((folder) => join(projectRoot, folder));
  const roles = await rolesOf('agents', await loadRoleDefinitions([], folders), ports);
  const fatal: FatalError[] = [];
  const host = createHost({
    ...{ name, service: 'agents', ingress: [ingress, doors], bus, clock: systemClock, log, limits, at, standby },
    roles: roles.filter((role) => role.name === 'orchestrator' || role.name === 'echo'),
    ledger: await openSqliteLedger(options.ledger),
    onFatal: (error) => void fatal.push(error),
  });
  const started = host.start();
  if (waits) await started;
  else started.catch((error: FatalError) => void fatal.push(error));
  return {
    fatal,
    stats: () => host.stats(),
    async stop() {
      await host.stop();
      await started;
      await bus.close();
    },
  };
}
