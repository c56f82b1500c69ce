/**
 * `mesh mcp`. Owns: serving the Model Context Protocol on standard input and output. Does not own: what is offered
 * (mcp/serve.ts) or done (mcp-door.ts). Standard output belongs to the protocol; everything else goes to standard error.
 */
import { once } from 'node:events';
import type { Command } from 'commander';
import { declare, settingsNow } from '../command.ts';
import { note } from '../terminal.ts';
import { ensureMesh } from './run.ts';

export function command(): Command {
  return declare({
    name: 'mcp',
    group: 'Mesh',
    summary: 'offer the mesh to editors and other agents as an MCP server',
    details:
      'Speaks the Model Context Protocol on standard input and output until its input ends; starts the mesh if it is not up. Offers run, task_status, respond, cancel, search, and every tool of the mesh. A tool is called as a task of the mesh, so what may not be repeated is not repeated.',
    examples: [
      ['mcp', 'for a client that starts it, such as an editor'],
      [`run 'tool:clock {}'`, 'the same tools without MCP'],
    ],
  })
    .addHelpText(
      'after',
      `\nFor a client with an mcp.json:\n  {"mcpServers": {"mesh": {"command": "${process.cwd()}/mesh", "args": ["mcp"]}}}`,
    )
    .action(serve);
}

async function serve(): Promise<void> {
  const settings = settingsNow();
  const [{ serveStdio }, { createMeshMcpServer }, { openMeshDoor }] = await Promise.all([
    import('@modelcontextprotocol/server/stdio'),
    import('../../mcp/serve.ts'),
    import('../mcp-door.ts'),
  ]);
  const door = openMeshDoor({ settings, ensureMesh: () => ensureMesh(settings), note });
  if (process.stdin.isTTY) note('mesh mcp waits for a client on standard input; Ctrl-C ends it. See `mesh mcp -h`.');
  const handle = serveStdio(() => createMeshMcpServer(door), {
    onerror: (error) => note(`mesh mcp: ${error.message}`),
  });
  await Promise.race([once(process.stdin, 'close'), once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  await handle.close();
  await door.close();
}
