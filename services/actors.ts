/**
 * The services that host roles: agents, llm, tools. Owns: which adapters a role's ports are, and the host that runs the
 * roles. Does not own: the process (`run-service.ts`), or any logic.
 */
import { ingress } from '../actors/ingress.ts';
import { loadRoleDefinitions, loadRoles } from '../actors/roles/index.ts';
import type { RolePorts } from '../actors/roles/ports.ts';
import { crashPointFromEnv } from '../actors/runtime/crash-points.ts';
import { createHost } from '../actors/runtime/host.ts';
import { openSqliteLedger } from '../actors/runtime/ledger/sqlite-ledger.ts';
import { systemClock } from '../actors/runtime/ports.ts';
import { loadWorkflows } from '../actors/workflows/index.ts';
import type { Bus } from '../bus/port.ts';
import { ledgerPath } from '../config/settings.ts';
import { tokenSubject } from '../schemas/events/subjects.ts';
import { knowledgePart } from './adapters/knowledge.ts';
import { llmPart } from './adapters/llm.ts';
import type { Part } from './adapters/part.ts';
import { routerPart } from './adapters/router.ts';
import { toolsPart } from './adapters/tools.ts';
import { startBackups } from './backups.ts';
import { traceEffects } from './effect-spans.ts';
import { answerRecall } from './recall.ts';
import type { RunningService, ServiceContext, StartService } from './run-service.ts';

/** The service that hosts the orchestrator: it alone takes what comes from outside, and remembers tasks. */
const ORCHESTRATING = 'agents';

export const startActors: StartService = async (context): Promise<RunningService> => {
  const { service, settings, log, process: own, tracer } = context;
  const path = ledgerPath(settings, service.name);
  const bus = await context.connect();
  const ledger = await openSqliteLedger(path);
  const { ports, parts } = await createParts(context, bus);
  const roles = await loadRoles(service.name, ports);
  const crashAt = crashPointFromEnv(process.env.MESH_CRASH_AT);
  const orchestrates = service.name === ORCHESTRATING;
  const host = createHost({
    ...{ name: context.hostId, roles, bus, ledger, log, clock: systemClock },
    commitMode: settings.MESH_COMMIT,
    admission: own.admission,
    onFatal: context.fatal,
    ...(orchestrates ? { ingress } : {}),
    ...(tracer === null ? {} : { tracing: traceEffects(tracer, own) }),
    ...(crashAt ? { at: crashAt } : {}),
  });
  const stopBackups = startBackups({ ledger, path, bus, log, everyMs: settings.MESH_BACKUP_INTERVAL_MS });
  const endRecall = orchestrates ? answerRecall({ bus, host, log }) : () => undefined;
  return {
    roles,
    parts,
    stats: () => host.stats(),
    async begin() {
      await host.start();
      return { roles: roles.map(({ name }) => name), engine: service.name === 'llm' ? ports.llm.kind : undefined };
    },
    async stop() {
      endRecall();
      await stopBackups();
      await host.stop();
    },
  };
};

interface Parts {
  readonly ports: RolePorts;
  /** What the roles of this service use, in the order in which it is closed. */
  readonly parts: readonly Part<unknown>[];
}

async function createParts({ service, settings, log, breakers }: ServiceContext, bus: Bus): Promise<Parts> {
  const definitions = await loadRoleDefinitions();
  const workflows = loadWorkflows(new Set(definitions.map(({ name }) => name)));
  const router = routerPart({ settings, workflows, definitions, bus, log, breakers });
  const knowledge = knowledgePart(settings, log, breakers);
  const llm = llmPart(settings, log);
  const tools = toolsPart(settings, { bus, log, breakers });
  const used: Record<string, readonly Part<unknown>[]> = { agents: [router, knowledge], llm: [llm], tools: [tools] };
  const ports: RolePorts = {
    router: router.port,
    workflows,
    knowledge: knowledge.port,
    llm: llm.port,
    tools: tools.port,
    breakers,
    showText(correlationId, generation) {
      let number = 0;
      return (text) => {
        number += 1;
        bus.publishVolatile(tokenSubject(correlationId), JSON.stringify({ ...generation, number, text }));
      };
    },
  };
  return { ports, parts: used[service.name] ?? [] };
}
