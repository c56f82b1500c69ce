/**
 * The files of `dapr/` on real sidecars: `node tests/dapr/run.ts`. Owns: the trial: a NATS of the applications, a mesh, the
 * sidecar of its gateway and one of the operators, what is published and what has to come of it. Does not own: the program
 * (tests/fixtures/daprd says how to build it).
 *
 * In a copy of the files the names of hosts become addresses on loopback; nothing else is changed. `--outage` adds NATS away
 * for longer than the component bears. Exit code 1 when something is not as docs/dapr.md says.
 */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from 'nats';
import { scriptOptions } from '../../cli/script-options.ts';
import { exitWhenWritten } from '../../cli/written.ts';
import { projectRoot } from '../../config/settings.ts';
import { Changes } from '../support/changes.ts';
import { daprdPath, Sidecar } from '../support/daprd.ts';
import { Mesh } from '../support/mesh.ts';
import { freePort, type NatsServer, startNatsServer } from '../support/nats-server.ts';
import { openTestCollector } from '../support/otelcol.ts';

const LIMIT_MS = 120_000;
const ASK_EVERY_MS = 200;
/** Longer than three tries of Dapr take. */
const AWAY_MS = 12_000;
/** The client of the component tries 60 times, two seconds apart. */
const OUTAGE_MS = 150_000;
const TOPIC = 'mesh.tasks';
const PUBSUB = 'mesh-submissions';
const TOKEN = 'token-of-the-sidecar';
const PROMPT = 'tool:calculator {"expression": "6*7"}';

const { values } = await scriptOptions({ options: { outage: { type: 'boolean', default: false } } });
const say = (text: string): boolean => process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

async function until<T>(look: () => T | undefined | Promise<T | undefined>, what: string): Promise<T> {
  const deadline = performance.now() + LIMIT_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`it did not come to this: ${what}`);
    await pause(ASK_EVERY_MS);
  }
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not as it should be: ${what}`);
}

/** `dapr/` with the addresses of this trial. */
function filesFor(folder: string, natsUrl: string, collector: string): { resources: string; config: string } {
  const resources = join(folder, 'components');
  cpSync(join(projectRoot, 'dapr', 'components'), resources, { recursive: true });
  mkdirSync(join(folder, 'data'));
  const config = join(folder, 'config.yaml');
  const write = (from: string, to: string): void => {
    const text = readFileSync(from, 'utf8')
      .replaceAll('nats://nats-apps:4222', natsUrl)
      .replaceAll('otel-collector:4318', new URL(collector).host)
      .replaceAll('data/mesh-state.db', join(folder, 'data', 'mesh-state.db'));
    writeFileSync(to, text);
  };
  write(join(projectRoot, 'dapr', 'config.yaml'), config);
  for (const name of ['submissions', 'dead-letters', 'state']) {
    const path = join(resources, `${name}.yaml`);
    write(path, path);
  }
  return { resources, config };
}

async function makeStream(apps: NatsServer): Promise<void> {
  const connection = await connect({ servers: apps.url });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: 'APPS', subjects: [TOPIC] });
  await manager.streams.add({ name: 'APPS_DEAD', subjects: ['mesh.dead'] });
  await connection.close();
}

/** Each sidecar has its own durable consumer, and listens to it. */
async function subscribed(apps: NatsServer): Promise<void> {
  const connection = await connect({ servers: apps.url });
  const manager = await jetstreamManager(connection);
  const consumers = { APPS: 'mesh-gateway', APPS_DEAD: 'mesh-dead-letters' };
  for (const [stream, durable] of Object.entries(consumers))
    await until(async () => {
      const info = await manager.consumers.info(stream, durable).catch(() => null);
      return info?.push_bound === true && info.config.deliver_group === durable ? info : undefined;
    }, `a consumer ${durable} that somebody listens to`);
  await connection.close();
}

/** What an operator's application is: it takes dead letters, and counts them. */
function openOperators(): Promise<{ port: string; letters: string[]; changes: Changes; close(): void }> {
  const letters: string[] = [];
  const changes = new Changes();
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(Buffer.from(piece as Uint8Array));
    response.setHeader('content-type', 'application/json');
    if (request.url === '/dapr/subscribe')
      return void response.end(
        JSON.stringify([{ pubsubname: 'mesh-dead-letters', topic: 'mesh.dead', route: '/letters' }]),
      );
    if (request.url === '/letters') {
      letters.push(Buffer.concat(pieces).toString('utf8'));
      changes.tell();
      return void response.end('{"status":"SUCCESS"}');
    }
    response.statusCode = request.url === '/healthz' ? 200 : 404;
    response.end('{}');
  }).listen(0, '127.0.0.1');
  return new Promise((ready) =>
    server.once('listening', () =>
      ready({
        letters,
        changes,
        port: String((server.address() as AddressInfo).port),
        close: () => void server.close(),
      }),
    ),
  );
}

const daprd = daprdPath();
if (daprd === null) {
  process.stderr.write('no daprd: put one on the PATH, or build one as tests/fixtures/daprd/README.md says\n');
  process.exit(3);
}
const folder = mkdtempSync(join(tmpdir(), 'mesh-dapr-trial-'));
const callers = join(folder, 'callers.json');
const tokenSha256 = createHash('sha256').update(TOKEN).digest('hex');
writeFileSync(callers, JSON.stringify({ callers: [{ name: 'orders', tokenSha256 }] }), { mode: 0o600 });

const ends: (() => Promise<void> | void)[] = [() => rmSync(folder, { recursive: true, force: true })];

async function begin() {
  const apps = await startNatsServer();
  ends.push(() => apps.stop());
  await makeStream(apps);
  const collector = await openTestCollector();
  ends.push(() => collector.close());
  const [grpc, http] = [await freePort(), await freePort()];
  const mesh = await Mesh.open('dapr-trial', {
    services: ['agents', 'llm', 'tools', 'gateway'],
    env: {
      ...{ MESH_GRPC_PORT: String(grpc), MESH_HTTP_PORT: String(http), MESH_DAPR_DOOR: 'open' },
      ...{ MESH_GATEWAY_CALLERS: callers, OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OBS_MODE: 'shipping' },
    },
  });
  ends.push(() => mesh.close({ keepLogs: false }));
  const operators = await openOperators();
  ends.push(() => operators.close());
  const { resources, config } = filesFor(folder, apps.url, collector.endpoint);
  const startSidecar = (): Promise<Sidecar> =>
    Sidecar.start(daprd ?? '', {
      ...{ appId: 'mesh-gateway', appPort: String(http), resources, config },
      env: { APP_API_TOKEN: TOKEN },
    });
  const sidecar = await startSidecar();
  const beside = await Sidecar.start(daprd ?? '', {
    appId: 'mesh-operators',
    appPort: operators.port,
    resources,
    config,
  });
  ends.push(() => beside.close());
  await subscribed(apps);
  const trial = { apps, collector, mesh, operators, sidecar, beside, startSidecar };
  ends.push(() => trial.sidecar.close());
  return trial;
}
type Trial = Awaited<ReturnType<typeof begin>>;

const accepted = ({ mesh }: Trial, note: string) =>
  mesh.watch
    .facts()
    .map(({ event }) => event)
    .filter(({ type, data }) => type === 'dev.agentmesh.task.accepted.v1' && JSON.stringify(data).includes(note));

/** A task that can be told from others by what its caller calls it. */
const eventOf = (id: string, data: object = { prompt: PROMPT }): string =>
  JSON.stringify({ specversion: '1.0', id, source: 'shop', type: 'order', datacontenttype: 'application/json', data });

/** The prompt names the event, so that its task is found. */
const promptOf = (id: string): { prompt: string; workflow: string } => ({
  prompt: `What is a lease? (${id})`,
  workflow: 'answer',
});

async function publish(
  { sidecar }: Trial,
  id: string,
  data: object = promptOf(id),
  more: Record<string, string> = {},
): Promise<void> {
  const status = await sidecar.publish(PUBSUB, TOPIC, eventOf(id, data), 'application/cloudevents+json', more);
  must(status === 204, `publishing ${id} answers 204, not ${status}`);
}

/** The one task of an event, at its end. */
async function taskOf(trial: Trial, id: string) {
  const [task] = await until(() => {
    const found = accepted(trial, `(${id})`);
    return found.length > 0 ? found : undefined;
  }, `a task of the event ${id}`);
  if (task === undefined) throw new Error('unreachable');
  await trial.mesh.watch.result(task.correlationid, LIMIT_MS);
  must(accepted(trial, `(${id})`).length === 1, `one task of the event ${id}`);
  return task;
}

async function throughTheDoor(trial: Trial): Promise<void> {
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  await publish(trial, 'order-1', promptOf('order-1'), { traceparent: `00-${traceId}-00f067aa0ba902b7-01` });
  const task = await taskOf(trial, 'order-1');
  must(
    JSON.stringify(task.data).includes('"caller":"orders"'),
    `the caller of the token: ${JSON.stringify(task.data)}`,
  );
  say('an event that was published to JetStream is a task of the caller whose token the sidecar has');
  must(task.traceparent?.includes(traceId) === true, `the task is in the trace of who published: ${task.traceparent}`);
  if (trial.collector.kind === 'otelcol') {
    // The sidecar is called as its application is, so its spans are told by their names.
    const names = await until(
      () => {
        const spans = trial.collector.spans().filter((span) => span.traceId === traceId);
        const found = new Set(spans.map(({ name }) => name));
        return found.has(`pubsub/${TOPIC}`) && found.has('agent.task') ? found : undefined;
      },
      `spans of sidecar and mesh in one trace: ${JSON.stringify(trial.collector.spans().map(({ name }) => name))}`,
    );
    say(`one trace from the sidecar through the mesh, at the collector: ${[...names].sort().join(', ')}`);
  } else say('the task is in the trace of who published; no collector could be built, so spans were not looked at');
  await publish(trial, 'order-1', promptOf('order-1'));
  await publish(trial, 'order-2');
  await taskOf(trial, 'order-2');
  must(accepted(trial, '(order-1)').length === 1, 'the same event twice is one task');
  say('the same event twice is one task');
}

async function givenUp(trial: Trial): Promise<void> {
  await publish(trial, 'letter-1', { question: 'no task' });
  await trial.operators.changes.until(
    () => trial.operators.letters.find((letter) => letter.includes('letter-1')),
    LIMIT_MS,
    () => `no dead letter; so far ${trial.operators.letters.join(' ')}`,
  );
  say('what is no task is a dead letter, which the application of the operators has');
  const saved = await trial.beside.ask('v1.0/state/mesh-state', {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify([{ key: 'seen', value: 'letter-1' }]),
  });
  const read = await (await trial.beside.ask('v1.0/state/mesh-state/seen')).text();
  must(saved.status === 204 && read === '"letter-1"', `the state that was saved (${saved.status}) is read: ${read}`);
  const strange = await trial.sidecar.ask('v1.0/state/mesh-state/seen');
  must(!strange.ok, `the store is not there for the gateway: ${strange.status}`);
  say('the state store keeps what its application gave it, and is not there for the gateway');
}

async function killedAndAway(trial: Trial): Promise<void> {
  const { mesh, apps } = trial;
  await mesh.service('gateway').down();
  await publish(trial, 'killed-1');
  await pause(AWAY_MS);
  await mesh.service('gateway').start();
  await taskOf(trial, 'killed-1');
  say('published while the gateway was dead: taken when it was back, once');
  await mesh.nats.kill();
  await publish(trial, 'log-1');
  await pause(AWAY_MS);
  await mesh.nats.start();
  await taskOf(trial, 'log-1');
  say('published while the log of the mesh was away: taken when it was back, once');
  await mesh.service('gateway').down();
  await publish(trial, 'sidecar-1');
  await trial.sidecar.line((line) => line.includes('retriable error') || line.includes('Error processing operation'));
  await trial.sidecar.close();
  await mesh.service('gateway').start();
  trial.sidecar = await trial.startSidecar();
  await taskOf(trial, 'sidecar-1');
  say('the sidecar was killed with an event that the gateway had not taken: the next one has given it again, once');
  await apps.kill();
  const refused = await trial.sidecar.publish(PUBSUB, TOPIC, eventOf('away-1'), 'application/cloudevents+json');
  must(refused >= 500, `publishing while the NATS of the applications is away is refused: ${refused}`);
  await apps.start();
  await until(async () => {
    const status = await trial.sidecar.publish(
      PUBSUB,
      TOPIC,
      eventOf('away-2', promptOf('away-2')),
      'application/cloudevents+json',
    );
    return status === 204 ? true : undefined;
  }, 'publishing works again');
  await taskOf(trial, 'away-2');
  say(`a short outage of the NATS of the applications: publishing answered ${refused}, then went on by itself`);
}

/** What docs/dapr.md calls a weakness. */
async function longOutage(trial: Trial): Promise<void> {
  await trial.apps.kill();
  await pause(OUTAGE_MS);
  await trial.apps.start();
  await pause(10_000);
  const status = await trial.sidecar.publish(
    PUBSUB,
    TOPIC,
    eventOf('late-1', promptOf('late-1')),
    'application/cloudevents+json',
  );
  say(`after ${OUTAGE_MS / 1000} s without NATS publishing answers ${status}`);
  must(status >= 500, 'the component does not come back from a long outage; docs/dapr.md says that it does not');
}

let isGood = false;
try {
  const trial = await begin();
  say('the sidecars have loaded the files of dapr/, and are subscribed');
  await throughTheDoor(trial);
  await givenUp(trial);
  await killedAndAway(trial);
  if (values.outage) await longOutage(trial);
  isGood = true;
} catch (error) {
  say(String(error instanceof Error ? error.stack : error));
} finally {
  for (const end of ends.reverse()) await end();
}
say(isGood ? 'done' : 'failed');
await exitWhenWritten(isGood ? 0 : 1);
