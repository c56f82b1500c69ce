/**
 * All MCP servers of `mcp.json`. Owns: the one list of their tools, and its bound. Does not own: a server.
 */
import type { Children } from './children.ts';
import type { McpConfig } from './config.ts';
import { McpError, type McpServers, type McpTool } from './port.ts';
import { createMcpServer, type ServerLog } from './remote-server.ts';

/** Of all servers together: each tool has a breaker, a lane and a line in the registry. */
const TOOLS_MAX = 150;

/** @param children remembers processes, so that a killed process leaves none behind for long */
export function createMcpServers(config: McpConfig, log: ServerLog, children: Children | null = null): McpServers {
  const servers = new Map(
    config.servers.map((one) => [one.name, createMcpServer(one, log, (pid) => children?.note(one.name, pid))]),
  );
  let started = false;
  const all = (): McpTool[] => [...servers.values()].flatMap((server) => server.tools());
  for (const problem of config.problems) log.warn({ problem }, 'a part of mcp.json cannot be used');
  return {
    start() {
      if (started) return;
      started = true;
      const left = children?.endLeftOvers() ?? [];
      if (left.length > 0) log.warn({ servers: left }, 'processes of MCP servers were left behind and have been ended');
      for (const server of servers.values()) server.start();
    },
    async settled(limitMs) {
      let timer: NodeJS.Timeout | undefined;
      const limit = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, limitMs);
        timer.unref();
      });
      await Promise.race([Promise.all([...servers.values()].map(({ tried }) => tried)), limit]);
      clearTimeout(timer);
    },
    tools: () => all().slice(0, TOOLS_MAX),
    limits(name) {
      const server = servers.get(name);
      if (!server) throw new RangeError(`no MCP server ${name}`);
      return { timeoutMs: server.config.timeoutMs, concurrencyMax: server.config.concurrencyMax };
    },
    call(tool, args, call) {
      const server = servers.get(tool.server);
      return server === undefined
        ? Promise.reject(new McpError('unavailable', `there is no MCP server ${tool.server}`))
        : server.call(tool, args, call);
    },
    states: () => [...servers.values()].map((server) => server.state()),
    leftOut: () => config.leftOut,
    problems() {
      const down = [...servers.values()].map((server) => server.state()).filter(({ problem }) => problem !== null);
      const left = all().length - TOOLS_MAX;
      return [
        ...config.problems,
        ...down.map(({ name, problem }) => `MCP server ${name}: ${problem}`),
        ...(left > 0 ? [`${left} tools of MCP servers are left out: at most ${TOOLS_MAX} are used`] : []),
      ];
    },
    async close() {
      await Promise.all([...servers.values()].map((server) => server.close()));
    },
  };
}
