/**
 * The tools service flooded with calls of one slow tool of an MCP server, while others are asked for quick ones. Owns:
 * that course. Does not own: the mesh around it.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../config/settings.ts';
import type { Driven, StressRun } from './report.ts';
import type { Stage } from './stage.ts';

const FLOOD = 120;
const QUICK = 30;
const SLOW_MS = 1500;
/** Longer than an open breaker waits before it tries one call. */
const CLOSED_LIMIT_MS = 60_000;
const BREAKER = 'tool:odd.look';
const folder = mkdtempSync(join(tmpdir(), 'mesh-stress-tools-'));

function env(): Readonly<Record<string, string>> {
  const server = join(projectRoot, 'tests/integration/tools/support/odd-server.ts');
  const path = join(folder, 'mcp.json');
  writeFileSync(path, JSON.stringify({ mcpServers: { odd: { command: process.execPath, args: [server] } } }));
  return { MESH_MCP_CONFIG: path };
}

async function drive(stage: Stage): Promise<Driven> {
  const look = (ms: number) => ({ prompt: `tool:odd.look {"ms": ${ms}}`, workflow: 'tool' });
  const [first] = await stage.tasks([look(1)]);
  const slow = stage.tasks(Array.from({ length: FLOOD }, () => look(SLOW_MS)));
  const quick = stage.tasks(
    Array.from({ length: QUICK }, (_, i) => ({
      prompt: `tool:calculator {"expression": "${i} + 1"}`,
      workflow: 'tool',
    })),
  );
  const opened = await stage.beat('tools', ({ breakers }) => stateOf(breakers) === 'open', CLOSED_LIMIT_MS);
  const [slowEnded, quickEnded] = await Promise.all([slow, quick]);
  const closed = await untilClosed(stage, look(1));
  const spans = stage.collector.spans.filter(({ service }) => service.includes('tools'));
  const states = stage.transitions().filter(({ breaker }) => breaker === BREAKER);
  return {
    tasks: [...(first ? [first] : []), ...slowEnded, ...quickEnded],
    fallbacks: 0,
    shown: {
      'some calls of the slow tool are answered': slowEnded.some(({ status }) => status === 'completed'),
      'the others fail and say why': slowEnded
        .filter(({ status }) => status === 'failed')
        .every(({ answer }) => /takes no more calls|is left alone after|its time was up/.test(answer)),
      'the log says that a cap was reached': stage.logged('a cap of a tool was reached').length > 0,
      'the breaker opens, and the registry shows it': opened !== null,
      'the breaker half-opens and closes':
        closed && ['half_open', 'closed'].every((state) => states.some((one) => one.state === state)),
      'other tools answer meanwhile': quickEnded.every(({ status }) => status === 'completed'),
      'memory and threads are on the spans':
        spans.length > 0 &&
        spans.every(
          ({ attributes }) =>
            Number(attributes['process.memory.rss_mb']) > 0 && Number(attributes['process.threads']) > 0,
        ),
      'the cap is on the spans': spans.some(({ attributes }) =>
        String(attributes['mesh.overload.reason']).includes('takes no more calls'),
      ),
    },
  };
}

function stateOf(breakers: readonly { name: string; state: string }[] | null | undefined): string | undefined {
  return breakers?.find(({ name }) => name === BREAKER)?.state;
}

/** One quick call after another, until one gets through. */
async function untilClosed(stage: Stage, task: { prompt: string; workflow: string }): Promise<boolean> {
  const deadline = performance.now() + CLOSED_LIMIT_MS;
  while (performance.now() < deadline) {
    const [ended] = await stage.tasks([task]);
    if (ended?.status === 'completed') return true;
  }
  return false;
}

export const tools: StressRun = {
  service: 'tools',
  what: `${FLOOD} calls of ${SLOW_MS} ms at once of a tool that takes 4 at a time, and ${QUICK} calls of another`,
  env,
  drive,
  close: () => Promise.resolve(rmSync(folder, { recursive: true, force: true })),
};
