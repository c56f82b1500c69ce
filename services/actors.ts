/**
 * The services that host roles: agents, llm, tools. Owns: the host that runs the roles, and what
 * goes with it. Does not own: the process (`run-service.ts`), what roles reach (`ports.ts`), or any logic.
 */

import { rolesOf } from '../actors/roles/index.ts';
import { crashPointFromEnv } from '../actors/runtime/crash-points.ts';
import { createHost } from '../actors/runtime/host.ts';
import { openSqliteLedger } from '../actors/runtime/ledger/sqlite-ledger.ts';
import { systemClock } from '../actors/runtime/ports.ts';
import { ledgerPath } from '../config/settings.ts';
import { doors, ingress } from '../ingress/ingress.ts';
import { allRoles } from './adapters/own-mesh.ts';
import { startBackups } from './backups.ts';
import { openPorts } from './ports.ts';
import { relayProgress, tellProgress } from './progress.ts';
import { answerRecall } from './recall.ts';
import { createRetention } from './retention.ts';
import type { RunningService, StartService } from './service-life.ts';

/** The service that hosts the orchestrator: it alone takes what comes from outside, and remembers tasks. */
const ORCHESTRATING = 'agents';

export const startActors: StartService = async (context): Promise<RunningService> => {
  const { service, settings, log, process: own, telemetry } = context;
  const path = ledgerPath(settings, service.name);
  const bus = await context.connect();
  const ledger = await openSqliteLedger(path);
  const { ports, parts } = await openPorts(context, bus);
  const roles = await rolesOf(service.name, await allRoles(), ports);
  const crashAt = crashPointFromEnv(process.env.MESH_CRASH_AT);
  const orchestrates = service.name === ORCHESTRATING;
  const host = createHost({
    ...{ name: context.hostId, service: service.name, roles, bus, ledger, log, clock: systemClock },
    commitMode: settings.MESH_COMMIT,
    standby: settings.MESH_STANDBY === 'on',
    admission: own.admission,
    onFatal: context.fatal,
    ...(orchestrates ? { ingress: [ingress, doors] } : { tellProgress: (event) => tellProgress(bus, event) }),
    tracing: telemetry.tracing(own),
    ...(crashAt ? { at: crashAt } : {}),
  });
  const stopBackups = startBackups({ ledger, path, bus, log, everyMs: settings.MESH_BACKUP_INTERVAL_MS });
  const retention = orchestrates ? await createRetention({ bus, log }) : null;
  const isRemoved = (taskId: string): boolean => retention?.isRemoved(taskId) === true;
  const endProgress = orchestrates ? relayProgress(bus, log) : () => undefined;
  const endRecall = orchestrates ? answerRecall({ bus, host, log, isRemoved }) : () => undefined;
  return {
    roles,
    parts,
    stats: () => host.stats(),
    async begin() {
      await host.start();
      retention?.start();
      return { roles: roles.map(({ name }) => name), engine: service.name === 'llm' ? ports.llm.kind : undefined };
    },
    async stop() {
      endRecall();
      endProgress();
      await retention?.stop();
      await stopBackups();
      await host.stop();
    },
  };
};
