/** A short form of the fuzz of every door (`tests/fuzz/main.ts`): some hundred inputs, the same at every run. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createMeshClient, TaskState } from '../../../gateway/client/index.ts';
import { fuzz } from '../../fuzz/campaign.ts';
import { type OpenDoors, openDoors } from '../../fuzz/mesh.ts';
import { answerPrompt } from '../../support/prompts.ts';

/** To each door. */
const INPUTS = 60;
/** Of what a process holds, garbage not counted: what is loaded late, and far below what a leak of a large input each would be. */
const GROWTH_MB_MAX = 30;

let doors: OpenDoors;
beforeAll(async () => {
  doors = await openDoors('fuzz-short');
});
afterAll(() => doors?.close());

test('whatever is sent to whichever door has a clear status; nothing dies, grows, or stops working', async () => {
  const { mesh, addresses, mcp, heldMb } = doors;
  const report = await fuzz(mesh, addresses, { inputs: INPUTS, seed: 7, heldMb, processes: { mcp: mcp.pid } });
  expect(report.doors.flatMap(({ problems }) => problems)).toEqual([]);
  expect(report.deaths).toEqual([]);
  expect(mcp.exitCode).toBeNull();
  for (const [name, { early, end }] of Object.entries(report.memoryMb))
    expect([name, end - early < GROWTH_MB_MAX]).toEqual([name, true]);
  // Inputs that are all refused in the same way would say nothing about what lies behind.
  for (const { door, statuses } of report.doors) expect([door, Object.keys(statuses).length]).not.toEqual([door, 1]);
  const client = createMeshClient({ address: addresses.grpc.getChannel().getTarget().replace(/^dns:/, '') });
  expect((await client.run({ prompt: answerPrompt })).task.state).toBe(TaskState.COMPLETED);
  client.close();
});
