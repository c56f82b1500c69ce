/**
 * A private mesh whose mcp.json names the odd server twice, patient and hasty. Owns: the file, and counting what the
 * odd servers really did. Does not own: the mesh or the server.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { type Mesh, useMesh } from '../../../support/mesh.ts';
import { until } from './until.ts';

const oddServer = join(import.meta.dirname, 'odd-server.ts');
const CALL_LIMIT_MS = 60_000;

export interface OddCall {
  readonly tool: string;
  /** Of the server's process. */
  readonly pid: number;
  /** The idempotency key that reached it: begins with the task's id. */
  readonly key: string;
}

export interface OddMesh {
  readonly mesh: () => Mesh;
  /** Calls that a task really made. */
  calls(task: string): OddCall[];
  /** Resolves when a task has made so many. */
  called(task: string, times: number): Promise<OddCall[]>;
}

export function useOddMesh(name: string): OddMesh {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-odd-'));
  const file = join(folder, 'calls');
  const entry = { command: process.execPath, args: [oddServer], env: { CALLS: file } };
  const config = {
    mcpServers: { odd: entry, hasty: { ...entry, timeoutMs: 400 }, broken: { comand: 'node' } },
  };
  writeFileSync(join(folder, 'mcp.json'), JSON.stringify(config));
  writeFileSync(join(folder, 'notes.md'), 'remember the milk');
  const mesh = useMesh(name, { env: { MESH_MCP_CONFIG: join(folder, 'mcp.json'), TOOLS_WORKSPACE: folder } });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const calls = (task: string): OddCall[] => {
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    return lines.map((line) => JSON.parse(line) as OddCall).filter(({ key }) => key.startsWith(task));
  };
  return {
    mesh,
    calls,
    called: (task, times) =>
      until(
        async () => (calls(task).length >= times ? calls(task) : undefined),
        CALL_LIMIT_MS,
        () => `${task} made ${calls(task).length} calls of ${times}`,
      ),
  };
}
