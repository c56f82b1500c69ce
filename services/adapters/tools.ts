/**
 * The tools as a part of a process. Owns: loading them late, what the registry is told of them, and the catalogue for
 * those who call tools from outside. Does not own: the tools, or reading their settings (open-tools.ts).
 *
 * Nothing but the policy is loaded before it is needed: a restart must be quick.
 */

import type { RolePorts } from '../../actors/roles/ports.ts';
import { builtinNames } from '../../actors/roles/tools/builtin/names.ts';
import type { Tool } from '../../actors/roles/tools/builtin/port.ts';
import type { RuntimeLog } from '../../actors/runtime/ports.ts';
import type { Bus } from '../../bus/port.ts';
import type { Settings } from '../../config/settings.ts';
import type { Breakers } from '../../resilience/breakers.ts';
import type { OpenedTools } from './open-tools.ts';
import type { Part, PartStatus } from './part.ts';
import { type OpenPolicy, openPolicy } from './tool-policy.ts';

/** Calls that may begin at once: the concurrency of the role's effect. */
const SLOTS = 64;

export interface Surroundings {
  readonly bus: Bus;
  readonly log: RuntimeLog;
  readonly breakers: Breakers;
  /** Tools that the mesh brings itself. */
  readonly own: readonly Tool[];
}

export function toolsPart(settings: Settings, { bus, log, breakers, own }: Surroundings): Part<RolePorts['tools']> {
  // Read at the start: a process that cannot read it does not begin.
  const policy = openPolicy(settings, log);
  let opening: Promise<OpenedTools> | undefined;
  let opened: OpenedTools | undefined;
  let endCatalogue: () => Promise<void> = () => Promise.resolve();
  const open = async (): Promise<OpenedTools> => {
    const { openTools } = await import('./open-tools.ts');
    opened = openTools(settings, { log, breakers, policy, own });
    return opened;
  };
  const tools = (): Promise<OpenedTools> => {
    opening ??= open();
    return opening;
  };
  const begin = async (): Promise<void> => {
    const { mcp, toolbox } = await tools();
    mcp.start();
    const { publishCatalogue } = await import('../../registry/tool-catalogue.ts');
    endCatalogue = publishCatalogue(bus, () => toolbox.list(), log);
  };
  return {
    port: {
      choose: async (prompt, whose) => (await tools()).toolbox.choose(prompt, whose),
      offers: async (prompt, whose) => (await tools()).toolbox.offers(prompt, whose),
      check: async (name, args, whose) => (await tools()).toolbox.check(name, args, whose),
      run: async (name, args, call) => (await tools()).toolbox.run(name, args, call),
    },
    start() {
      begin().catch((error: unknown) => log.error({ error: String(error) }, 'the tools cannot be loaded'));
    },
    status: () =>
      opened === undefined
        ? { capabilities: [...own.map(({ name }) => name), ...builtinNames].map((name) => `tool:${name}`) }
        : statusOf(opened, policy),
    async close() {
      await endCatalogue();
      await opened?.mcp.close();
    },
  };
}

function statusOf({ toolbox, mcp }: OpenedTools, policy: OpenPolicy): PartStatus {
  const { running, waiting } = toolbox.load();
  const ready = mcp.states().filter(({ state }) => state === 'ready');
  return {
    capabilities: [...toolbox.names().map((name) => `tool:${name}`), ...ready.map(({ name }) => `mcp:${name}`)],
    capacity: { queueDepth: waiting, freeSlots: Math.max(0, SLOTS - running - waiting) },
    problems: [...mcp.problems(), ...problemsOf(policy, { toolbox, mcp })],
  };
}

/** What its author wants to know of it. A server that does not run may have any tool. */
function problemsOf(policy: OpenPolicy, { toolbox, mcp }: Pick<OpenedTools, 'toolbox' | 'mcp'>): string[] {
  const problem = policy.problem();
  const away = mcp.states().filter(({ state }) => state !== 'ready');
  const unknown = policy
    .unknown(toolbox.names())
    .filter((name) => !away.some((one) => name.startsWith(`${one.name}.`)));
  return [
    ...(problem === null ? [] : [problem]),
    ...unknown.map((name) => `TOOLS_POLICY names ${name}, and there is no such tool: that rule does nothing for it`),
  ];
}
