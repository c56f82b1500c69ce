/**
 * Fuzzes every door of a mesh: gRPC, the three bindings of A2A, Dapr, MCP over HTTP, HTTP itself, and the log.
 *
 *   node tests/fuzz/main.ts --inputs 10000 --seed 1
 *
 * The same seed sends the same. Ends with 1 when an input had no clear status, a process died, or holds more in the end than
 * it may; the report is printed as Markdown for docs/reliability.md.
 */
import { scriptOptions } from '../../cli/script-options.ts';
import { exitWhenWritten } from '../../cli/written.ts';
import { type DoorReport, fuzz } from './campaign.ts';
import { openDoors } from './mesh.ts';

/**
 * Of what a process holds between the first tenth and the end. The agents keep the ids of every task that they were given,
 * about 1 KB each; code is compiled at its first use. A leak of one input each would be far more.
 */
const GROWTH_MB_MAX = 10;
/** The checkpoint after a silence, and the time that it takes. */
const QUIET_MS = 40_000;
const { values } = await scriptOptions({
  options: {
    inputs: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
});

function row({ door, inputs, ms, statuses, problems }: DoorReport): string {
  const said = Object.entries(statuses).map(([status, count]) => `${status} × ${count}`);
  return `| ${door} | ${inputs} | ${(ms / 1000).toFixed(0)} s | ${said.join(', ')} | ${problems.length} |\n`;
}

const doors = await openDoors('fuzz');
process.stdout.write('| door | inputs | time | statuses | unclear |\n|---|---|---|---|---|\n');
const report = await fuzz(doors.mesh, doors.addresses, {
  ...{ inputs: Number(values.inputs), seed: Number(values.seed), processes: { mcp: doors.mcp.pid } },
  quietMs: QUIET_MS,
  heldMb: doors.heldMb,
  ...(values.only === undefined ? {} : { only: [values.only] }),
  onDoor: (one) => void process.stdout.write(row(one)),
});
const unclear = report.doors.flatMap(({ problems }) => problems);
await doors.close({ keepLogs: unclear.length > 0 });
const grown = Object.entries(report.memoryMb).filter(([, { early, end }]) => end - early > GROWTH_MB_MAX);
for (const [name, { early, end }] of Object.entries(report.memoryMb))
  process.stdout.write(`- ${name} holds ${early} MB after the first tenth, ${end} MB at the end\n`);
for (const problem of unclear) process.stdout.write(`unclear: ${problem}\n`);
if (report.deaths.length > 0) process.stdout.write(`died: ${report.deaths.join(', ')}\n`);
const isGood = grown.length + report.deaths.length + unclear.length === 0;
await exitWhenWritten(isGood ? 0 : 1);
