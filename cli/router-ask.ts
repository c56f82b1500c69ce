/**
 * The router as a command asks it: the engine of the settings in this process, with registry and live settings of the
 * mesh when it is up. Owns: putting that together and taking it down. Does not own: deciding, or how a decision looks.
 */

import { liveNames, parseLive, type Settings } from '../config/settings.ts';
import { livingServices } from '../registry/registry.ts';
import { openRegistryView } from '../registry/registry-view.ts';
import { atTheStart, type Decision, type RoleHealth, type RouteOption, type Router } from '../router/port.ts';
import { createRouter, type LiveRules } from '../router/router.ts';
import { FALLBACK_WORKFLOW, healthOf, loadRouting, routerEngine } from '../services/adapters/router.ts';
import { toFailure } from './errors.ts';
import { withBus } from './mesh-client.ts';
import { liveness, readRunState } from './supervisor/run-state.ts';

export interface AskedOption extends RouteOption {
  /** Names of its steps' roles, in order. */
  readonly steps: readonly string[];
}

export interface Asked {
  readonly router: Router;
  readonly options: readonly AskedOption[];
  readonly roles: readonly RoleHealth[];
  readonly live: LiveRules;
  /** How many services the mesh has; null when it was not asked. */
  readonly services: number | null;
  ready(): Promise<void>;
  /** Why the wanted engine is not at work. */
  problem(): string | null;
}

export interface Explained {
  readonly decision: Decision;
  readonly options: readonly AskedOption[];
  readonly roles: readonly RoleHealth[];
  readonly threshold: number;
  readonly problem: string | null;
  /** What the mesh said, in words; null when it was not asked. */
  readonly asked: string | null;
}

interface Surroundings {
  readonly roles: readonly RoleHealth[];
  readonly live: LiveRules;
  readonly services: number | null;
}

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** @param how `alone`: the mesh is not asked, so that figures do not depend on what happens to be up */
export async function withRouter<T>(
  settings: Settings,
  work: (asked: Asked) => Promise<T>,
  how: { readonly alone?: boolean } = {},
): Promise<T> {
  const { options, workflows } = await loadRouting(settings);
  const around = how.alone ? environmentOnly(settings) : await surroundings(settings);
  const engine = routerEngine(settings, options, quiet);
  try {
    return await work({
      router: createRouter({
        ...{ engine, options, fallback: FALLBACK_WORKFLOW },
        live: () => around.live,
        health: () => around.roles,
      }),
      options: options.map((option) => ({
        ...option,
        steps: (workflows.get(option.name)?.steps ?? []).map(({ role }) => role),
      })),
      ...around,
      ready: () => engine.ready(),
      problem: () => (engine.problem === null ? null : `${engine.problem}; rules decide`),
    });
  } finally {
    await engine.close();
  }
}

export async function explain(asked: Asked, query: string): Promise<Explained> {
  await asked.ready();
  const { signal } = new AbortController();
  const { decision } = await asked.router.decide(query, atTheStart, signal);
  const { options, roles, live, services } = asked;
  const words = services === null ? null : `${services} services, ${roles.length} roles`;
  return { decision, options, roles, threshold: live.threshold, problem: asked.problem(), asked: words };
}

function environmentOnly(settings: Settings): Surroundings {
  const live = { threshold: settings.ROUTER_CONFIDENCE_THRESHOLD, timeoutMs: settings.ROUTER_TIMEOUT_MS };
  return { roles: [], live, services: null };
}

/** What the mesh says, if it is up; a mesh that cannot be reached is one that is not asked. */
async function surroundings(settings: Settings): Promise<Surroundings> {
  const expected = settings.NATS_URL !== undefined || liveness(readRunState(settings)).kind === 'up';
  if (!expected) return environmentOnly(settings);
  try {
    return await withBus(settings, async (bus) => {
      await bus.ensureTopology();
      const view = openRegistryView(bus);
      try {
        await view.ready;
        const { length: services } = await livingServices(bus);
        const live: LiveRules = await liveRules(settings, bus.kv('config'));
        return { roles: healthOf(view), live, services };
      } finally {
        view.close();
      }
    });
  } catch (error) {
    if (!toFailure(error).expected) throw error;
    return environmentOnly(settings);
  }
}

interface Readable {
  get(key: string): Promise<{ readonly value: string } | null>;
}

async function liveRules(settings: Settings, config: Readable): Promise<LiveRules> {
  const [threshold, timeoutMs] = await Promise.all(
    liveNames.map(async (name) => {
      const entry = await config.get(name);
      try {
        return entry === null ? settings[name] : parseLive(name, entry.value);
      } catch {
        // Services refuse such a value as well, and keep theirs.
        return settings[name];
      }
    }),
  );
  return {
    threshold: threshold ?? settings.ROUTER_CONFIDENCE_THRESHOLD,
    timeoutMs: timeoutMs ?? settings.ROUTER_TIMEOUT_MS,
  };
}
