/**
 * The composed mesh in containers: `node tests/containers/run.ts`. Owns: the trial: start in order of health, a task,
 * each container killed in turn with a task under way, what is published. Does not own: podman (`engine.ts`), images
 * (docs/containers.md says how to build them).
 *
 * NATS_IMAGE names a NATS image that is at hand. Chroma and the collector are left out where their images cannot be had:
 * the mesh works without them, and the trial says so.
 */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Engine } from './engine.ts';

const HEALTHY_LIMIT_MS = 240_000;
const SERVICES = ['llm', 'tools', 'agents', 'gateway'] as const;

const { values } = parseArgs({
  options: { 'nats-image': { type: 'string' }, kill: { type: 'string', default: 'tools,agents,llm,nats,gateway' } },
});
const engine = new Engine(
  `mesh-trial-${process.pid}`,
  values['nats-image'] === undefined ? {} : { nats: values['nats-image'] },
);
const say = (text: string): boolean => process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

/** A task of its own each time, through the log, by the command in a container. @throws when the answer is another */
async function task(factor: number): Promise<void> {
  const prompt = `tool:calculator {"expression": "${factor}*7"}`;
  const printed = await engine.runOnce('cli', ['run', prompt, '--id', randomUUID()]);
  if (!printed.includes(String(factor * 7))) throw new Error(`the answer to ${factor}*7 is not in: ${printed}`);
}

async function startAll(): Promise<void> {
  await engine.makeNetworks();
  await engine.start('nats');
  await engine.untilHealthy('nats', HEALTHY_LIMIT_MS);
  say('nats is healthy');
  say(await engine.runOnce('setup'));
  for (const name of SERVICES) {
    await engine.start(name);
    await engine.untilHealthy(name, HEALTHY_LIMIT_MS);
    say(`${name} is healthy`);
  }
}

async function checkHardening(): Promise<void> {
  for (const name of SERVICES) {
    const [user, readOnly, memory] = (
      await engine.inspect(name, '{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.Memory}}')
    ).split(' ');
    if (user !== '10001:10001' || readOnly !== 'true' || Number(memory) === 0)
      throw new Error(`${name} runs as ${user}, read-only ${readOnly}, memory ${memory}`);
  }
  say('nobody is root, root file systems are read-only, memory is limited');
}

async function checkDoor(): Promise<void> {
  const port = await engine.inspect('gateway', '{{(index (index .NetworkSettings.Ports "7444/tcp") 0).HostPort}}');
  const card = await fetch(`http://127.0.0.1:${port}/.well-known/agent-card.json`);
  const strange = await fetch(`http://127.0.0.1:${port}/a2a/rest/v1/tasks`);
  if (!card.ok || strange.status !== 401)
    throw new Error(`the card is ${card.status}, a call without a token ${strange.status}`);
  say('the gateway answers on loopback: its card to all, tasks to nobody without a token');
}

/** Killed while a task is under way; the task has to come to its end once the container is there again. */
async function kill(name: string, factor: number): Promise<void> {
  const underWay = task(factor);
  await engine.kill(name);
  await engine.restart(name);
  await engine.untilHealthy(name, HEALTHY_LIMIT_MS);
  await underWay;
  await task(factor + 1);
  say(`${name} was killed and started again: the task under way and the next one were answered`);
}

try {
  await startAll();
  await checkHardening();
  await task(6);
  say('a task went through');
  await checkDoor();
  let factor = 10;
  for (const name of (values.kill ?? '').split(',').filter((one) => one !== '')) {
    await kill(name, factor);
    factor += 10;
  }
  say('done; left out here: chroma and the collector, a memory limit that is hit');
} finally {
  await engine.remove();
}
