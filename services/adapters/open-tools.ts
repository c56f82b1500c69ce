/**
 * The toolbox and the MCP servers, built from the settings. Owns: reading the settings. Does not own: when that is done
 * (tools.ts), or the tools.
 */
import { dirname, join } from 'node:path';
import type { Tool } from '../../actors/roles/tools/builtin/port.ts';
import type { ToolPolicy } from '../../actors/roles/tools/policy.ts';
import { createToolbox, type WholeToolbox } from '../../actors/roles/tools/toolbox.ts';
import type { RuntimeLog } from '../../actors/runtime/ports.ts';
import { ledgerPath, type Settings } from '../../config/settings.ts';
import { createChildren } from '../../mcp/client/children.ts';
import { readMcpConfig } from '../../mcp/client/config.ts';
import { type McpServers, noMcpServers } from '../../mcp/client/port.ts';
import { createMcpServers } from '../../mcp/client/remote-servers.ts';
import type { Breakers } from '../../resilience/breakers.ts';

export interface OpenedTools {
  readonly toolbox: WholeToolbox;
  readonly mcp: McpServers;
}

interface ToolSurroundings {
  readonly log: RuntimeLog;
  readonly breakers: Breakers;
  readonly policy: ToolPolicy;
  /** Tools that the mesh brings itself. */
  readonly own: readonly Tool[];
}

export function openTools(settings: Settings, { log, breakers, policy, own }: ToolSurroundings): OpenedTools {
  const allowHosts = (settings.TOOLS_ALLOW_HOSTS ?? '')
    .split(',')
    .map((host) => host.trim())
    .filter((host) => host !== '');
  const mcp = openMcp(settings, log);
  const workspace = settings.TOOLS_WORKSPACE ?? null;
  return { mcp, toolbox: createToolbox({ allowHosts, workspace, own, mcp, breakers, policy }) };
}

function openMcp(settings: Settings, log: RuntimeLog): McpServers {
  const config = readMcpConfig(settings.MESH_MCP_CONFIG, (process.env.MESH_MCP_CONFIG ?? '') !== '');
  if (config.servers.length + config.problems.length + config.leftOut.size === 0) return noMcpServers;
  // One record for each ledger, as each has one process.
  const children = createChildren(join(dirname(ledgerPath(settings, 'tools')), 'mcp-children.json'));
  return createMcpServers(config, log, children);
}
