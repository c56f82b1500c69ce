/**
 * The router from the settings. Owns: which engine decides, what it is told of workflows and roles, and what is said
 * when the wanted engine is not at work. Does not own: an engine, or the policy.
 */
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { RuntimeLog } from '../../actors/runtime/ports.ts';
import type { RoleDefinition } from '../../actors/runtime/role.ts';
import type { Workflow } from '../../actors/workflows/index.ts';
import type { Bus } from '../../bus/port.ts';
import { meshFolder, projectRoot, type Settings } from '../../config/settings.ts';
import type { ModelLog } from '../../gguf-models/llama.ts';
import { openRegistryView, type RegistryView } from '../../registry/registry-view.ts';
import type { Breakers } from '../../resilience/breakers.ts';
import { createLazyEngine, type LazyEngine } from '../../router/engines/lazy.ts';
import { createRulesEngine } from '../../router/engines/rules.ts';
import type { RoleHealth, RouteOption, Router, Situation } from '../../router/port.ts';
import { RouteEngineError } from '../../router/port.ts';
import { createRouter, type LiveRules } from '../../router/router.ts';
import { followLiveSettings, type LiveSettings } from './live-settings.ts';
import { allRoles, allWorkflows } from './own-mesh.ts';
import type { Part } from './part.ts';

/** For what nobody is sure of: it looks something up and says what it found. */
export const FALLBACK_WORKFLOW = 'answer';
const SHIPPED_MODEL: string = join(projectRoot, 'router', 'models', 'router.gguf');
const BREAKER = 'router:engine';
const MIB = 1_048_576;
/** llama.cpp itself, the KV cache and the buffers of an evaluation. */
const ENGINE_BUFFERS_MB = 128;

type Asking = readonly Pick<RoleDefinition, 'name' | 'asks'>[];

/** The roles, and those that they ask, and so on. */
function withHelpers(roles: readonly string[], definitions: Asking): string[] {
  const all = new Set(roles);
  for (const role of all) for (const asked of definitions.find(({ name }) => name === role)?.asks ?? []) all.add(asked);
  return [...all];
}

export function routeOptions(workflows: ReadonlyMap<string, Workflow>, definitions: Asking): RouteOption[] {
  return [...workflows.values()].map(({ name, description, examples = [], steps, loop }) => ({
    ...{ name, description, examples },
    roles: withHelpers(
      steps.filter(({ optional }) => !optional).map(({ role }) => role),
      definitions,
    ),
    hops: steps.length,
    loops: loop !== undefined,
  }));
}

/** Workflows and roles as files say, for whoever asks the router outside of a service. */
export async function loadRouting(settings: Settings): Promise<{
  readonly options: readonly RouteOption[];
  readonly workflows: ReadonlyMap<string, Workflow>;
}> {
  const definitions = await allRoles();
  const workflows = await allWorkflows(settings, definitions);
  return { options: routeOptions(workflows, definitions), workflows };
}

/** The engine that the settings ask for; it is opened when it is first needed. */
export function routerEngine(
  settings: Settings,
  options: readonly RouteOption[],
  log: RuntimeLog & ModelLog,
): LazyEngine {
  const rules = createRulesEngine(options.map(({ name }) => name));
  const onProblem = (problem: string): void => log.warn({ problem }, 'the router model is not at work; rules decide');
  const { ROUTER_URL: url, ROUTER_THREADS: threads } = settings;
  if (url !== undefined) {
    const open = async () => (await import('../../router/engines/remote.ts')).createRemoteEngine(url);
    return createLazyEngine('remote', open, rules, onProblem);
  }
  const path = modelPath(settings);
  if (path === null) {
    const missing = `the shipped router model is not there (${SHIPPED_MODEL}); set ROUTER_MODEL_PATH`;
    return createLazyEngine('rules', () => Promise.reject(new Error(missing)), rules, onProblem);
  }
  const open = async () => {
    const { openEmbeddedEngine } = await import('../../router/engines/embedded.ts');
    return openEmbeddedEngine({ path, options, threads, log });
  };
  return createLazyEngine('embedded', open, rules, onProblem);
}

/** Null when none is set and none is shipped. */
export function modelPath({ ROUTER_MODEL_PATH: path }: Settings): string | null {
  if (path !== undefined) return resolve(meshFolder(), path);
  return existsSync(SHIPPED_MODEL) ? SHIPPED_MODEL : null;
}

/** What a model in this process takes beside the JavaScript heap, MiB; 0 without one. */
function modelMemoryMb(settings: Settings): number {
  const path = settings.ROUTER_URL === undefined ? modelPath(settings) : null;
  const file = path === null ? undefined : statSync(path, { throwIfNoEntry: false });
  return file === undefined ? 0 : Math.round(file.size / MIB) + ENGINE_BUFFERS_MB;
}

/** The registry's words as the policy's. */
export function healthOf(registry: Pick<RegistryView, 'roles'>): RoleHealth[] {
  return registry.roles().map(({ role, healthy, saturated, tags, reason }) => ({
    ...{ role, healthy, saturated, tags, reason: reason ?? '' },
  }));
}

export interface RouterPartOptions {
  readonly settings: Settings;
  readonly workflows: ReadonlyMap<string, Workflow>;
  readonly definitions: Asking;
  readonly bus: Bus;
  readonly log: RuntimeLog & ModelLog;
  readonly breakers: Breakers;
}

/** Nothing is opened before the first decision, or `start`: other services build this part and never use it. */
export function routerPart(parts: RouterPartOptions): Part<Router> {
  const { settings, definitions, bus, log, breakers } = parts;
  const options = routeOptions(parts.workflows, definitions);
  const engine = routerEngine(settings, options, log);
  const nativeMemoryMb = modelMemoryMb(settings);
  let live: LiveSettings | null = null;
  let registry: RegistryView | null = null;
  const begun = (): { live: LiveSettings; registry: RegistryView } => {
    live ??= followLiveSettings(bus, settings, log);
    registry ??= openRegistryView(bus, { expected: definitions.map(({ name }) => name) });
    return { live, registry };
  };
  const router = createRouter({
    ...{ engine, options, fallback: FALLBACK_WORKFLOW },
    live: () => liveRules(begun().live),
    health: () => healthOf(begun().registry),
    guard: (call) => breakers.run(BREAKER, call, { isFailure }),
  });
  return {
    port: {
      decide: (query, situation, signal) => router.decide(query, withAhead(situation, definitions), signal),
    },
    start() {
      begun();
      void engine.ready();
    },
    status: () => ({
      capabilities: [`router:${engine.name}`],
      capacity: { nativeMemoryMb },
      problems: engine.problem === null ? [] : [`router: ${engine.problem}; rules decide`],
    }),
    async close() {
      live?.close();
      registry?.close();
      await engine.close();
    },
  };
}

function liveRules(live: LiveSettings): LiveRules {
  return { threshold: live.get('ROUTER_CONFIDENCE_THRESHOLD'), timeoutMs: live.get('ROUTER_TIMEOUT_MS') };
}

function withAhead(situation: Situation, definitions: Asking): Situation {
  return { ...situation, ahead: withHelpers(situation.ahead, definitions) };
}

/** A queue before it, and a caller who left, say nothing of an engine. */
function isFailure(error: unknown): boolean {
  if (error instanceof Error && error.name === 'AbortError') return false;
  return !(error instanceof RouteEngineError && error.code === 'busy');
}
