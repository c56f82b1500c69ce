/**
 * Thousands of tasks that wait for people, answered in random order, some twice, some by two at once, with kills of
 * processes in between.
 *
 *   node tests/answers/main.ts [tasks] [seed]
 */
import { crowd } from '../support/crowd.ts';
import { Mesh } from '../support/mesh.ts';
import { freePort } from '../support/nats-server.ts';

const [tasks = '2000', seed = '1'] = process.argv.slice(2);
const [grpc, http] = [await freePort(), await freePort()];
const mesh = await Mesh.open('answers-of-many', {
  services: ['agents', 'tools', 'gateway'],
  env: {
    MESH_GRPC_PORT: String(grpc),
    MESH_HTTP_PORT: String(http),
    MESH_LOG_LEVEL: 'info',
    MESH_GATEWAY_CALLS_PER_SECOND: '1000',
    MESH_GATEWAY_CALLS_AT_ONCE: '1000',
  },
});
let failed = true;
try {
  const report = await crowd({
    ...{ mesh, address: `127.0.0.1:${grpc}`, tasks: Number(tasks), seed: Number(seed) },
    kills: ['agents', 'tools', 'gateway'],
    answersBetweenKills: Math.max(20, Math.round(Number(tasks) / 12)),
    note: (text) => process.stderr.write(`${text}\n`),
  });
  const { lies, ...rest } = report;
  process.stdout.write(`${JSON.stringify(rest)}\n`);
  for (const lie of lies) process.stdout.write(`LIE ${lie}\n`);
  failed = lies.length > 0;
} finally {
  await mesh.close({ keepLogs: failed });
}
process.exitCode = failed ? 1 : 0;
