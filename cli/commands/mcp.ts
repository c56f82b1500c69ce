/**
 * `mesh mcp`. Owns: serving the Model Context Protocol on standard input and output, or on a port. Does not own: what is offered
 * (mcp/server/server.ts) or done (mcp-door.ts). Standard output belongs to the protocol; everything else goes to standard error.
 */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Command } from 'commander';
import type { MeshDoor } from '../../mcp/server/port.ts';
import { hint } from '../called.ts';
import { declare, settingsNow, wholeNumber } from '../command.ts';
import { CliError, codeOf } from '../errors.ts';
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
      ['mcp --http 7801', 'for clients that speak streamable HTTP, on this machine'],
      ["run 'tool:clock {}'", 'the same tools without MCP'],
    ],
  })
    .option('--http <port>', 'listen on this port of 127.0.0.1 instead, until Ctrl-C', wholeNumber(0, 65_535))
    .addHelpText(
      'after',
      `\nFor a client with an mcp.json:\n  {"mcpServers": {"mesh": {"command": "${process.cwd()}/mesh", "args": ["mcp"]}}}`,
    )
    .action(serve);
}

async function serve({ http }: { http?: number }): Promise<void> {
  const settings = settingsNow();
  const { openMeshDoor } = await import('../mcp-door.ts');
  const door = openMeshDoor({ settings, ensureMesh: () => ensureMesh(settings), note });
  const onError = (error: Error): void => note(`mesh mcp: ${error.message}`);
  const close =
    http === undefined
      ? await serveInput(door, onError)
      : await servePort(door, http, settings.MESH_MCP_TOKEN, onError);
  await close();
  await door.close();
}

async function serveInput(door: MeshDoor, onError: (error: Error) => void): Promise<() => Promise<void>> {
  const [{ serveStdio }, { createMeshMcpServer }] = await Promise.all([
    import('@modelcontextprotocol/server/stdio'),
    import('../../mcp/server/server.ts'),
  ]);
  if (process.stdin.isTTY)
    note(hint('mesh mcp waits for a client on standard input; Ctrl-C ends it. See `mesh mcp -h`.'));
  const handle = serveStdio(() => createMeshMcpServer(door), { onerror: onError });
  await Promise.race([once(process.stdin, 'close'), once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  return () => handle.close();
}

async function servePort(
  door: MeshDoor,
  port: number,
  given: string | undefined,
  onError: (error: Error) => void,
): Promise<() => Promise<void>> {
  const { serveMcpHttp } = await import('../../mcp/server/http.ts');
  const token = given ?? randomBytes(24).toString('base64url');
  const serving = await serveMcpHttp(door, { port, token, onError }).catch((error: unknown) => {
    if (codeOf(error) === 'EADDRINUSE') throw new CliError(2, `port ${port} is taken; give another with --http`);
    throw error;
  });
  note(`mesh mcp listens on ${serving.url}; Ctrl-C ends it.`);
  note(
    given === undefined
      ? `Clients send the header Authorization: Bearer ${token}`
      : 'Clients send MESH_MCP_TOKEN as a bearer token.',
  );
  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  return () => serving.close();
}
