/**
 * The tools from the settings: what they may reach, and the MCP servers. Owns: reading the settings, what the registry
 * is told, and the catalogue for those who call tools from outside. Does not own: the tools.
 */
import { dirname, join } from 'node:path';
import type { Bus } from '../../bus/port.ts';
import { publishCatalogue } from '../../bus/tool-catalogue.ts';
import { ledgerPath, type Settings } from '../../config/settings.ts';
import { createChildren } from '../../mcp/children.ts';
import { readMcpConfig } from '../../mcp/config.ts';
import { type McpServers, noMcpServers } from '../../mcp/port.ts';
import { createMcpServers } from '../../mcp/servers.ts';
import type { Breakers } from '../breakers.ts';
import type { RolePorts } from '../roles/ports.ts';
import { createToolbox } from '../roles/tools/toolbox.ts';
import type { RuntimeLog } from '../runtime/ports.ts';
import type { Part, PartStatus } from './part.ts';

/** Calls that may begin at once: the concurrency of the role's effect. */
const SLOTS = 64;

export interface Surroundings {
  readonly bus: Bus;
  readonly log: RuntimeLog;
  readonly breakers: Breakers;
}

export function toolsPart(settings: Settings, { bus, log, breakers }: Surroundings): Part<RolePorts['tools']> {
  const allowHosts = (settings.TOOLS_ALLOW_HOSTS ?? '')
    .split(',')
    .map((host) => host.trim())
    .filter((host) => host !== '');
  const childrenPath = join(dirname(ledgerPath(settings, 'tools')), 'mcp-children.json');
  const mcp = lazyMcp(() => {
    const config = readMcpConfig(settings.MESH_MCP_CONFIG, (process.env.MESH_MCP_CONFIG ?? '') !== '');
    return config.servers.length + config.problems.length === 0
      ? noMcpServers
      : createMcpServers(config, log, createChildren(childrenPath));
  });
  const toolbox = createToolbox({ allowHosts, workspace: settings.TOOLS_WORKSPACE ?? null, mcp, breakers });
  let endCatalogue: () => Promise<void> = () => Promise.resolve();
  return {
    port: toolbox,
    start() {
      mcp.start();
      endCatalogue = publishCatalogue(bus, () => toolbox.list(), log);
    },
    status(): PartStatus {
      const { running, waiting } = toolbox.load();
      const ready = mcp.states().filter(({ state }) => state === 'ready');
      return {
        capabilities: [...toolbox.names().map((name) => `tool:${name}`), ...ready.map(({ name }) => `mcp:${name}`)],
        capacity: { queueDepth: waiting, freeSlots: Math.max(0, SLOTS - running - waiting) },
        problems: mcp.problems(),
      };
    },
    async close() {
      await endCatalogue();
      await mcp.close();
    },
  };
}

/** Read at its first use: every process builds this part, one of them uses it. */
function lazyMcp(open: () => McpServers): McpServers {
  let opened: McpServers | undefined;
  const servers = (): McpServers => {
    opened ??= open();
    return opened;
  };
  return {
    start: () => servers().start(),
    settled: (limitMs) => servers().settled(limitMs),
    tools: () => servers().tools(),
    limits: (server) => servers().limits(server),
    call: (tool, args, call) => servers().call(tool, args, call),
    states: () => servers().states(),
    problems: () => servers().problems(),
    close: () => opened?.close() ?? Promise.resolve(),
  };
}
