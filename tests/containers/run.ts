/**
 * The composed mesh in containers: `node tests/containers/run.ts`. Owns: the trial: start in order of health, a task,
 * each container killed in turn with a task under way, what is published. Does not own: podman (`engine.ts`), images
 * (docs/containers.md says how to build them).
 *
 * `--nats-image`, `--chroma-image` and `--collector-image` name images that are at hand where no registry is
 * (`stand-ins/build.sh` makes them). What podman without systemd cannot do, asking health checks by itself and starting again
 * what died, the trial does.
 */
import { randomUUID } from 'node:crypto';
import { scriptOptions } from '../../cli/script-options.ts';
import { startBrowser } from '../e2e/dashboard/browser.ts';
import { Engine } from './engine.ts';

const HEALTHY_LIMIT_MS = 240_000;
const SERVICES = ['keeper', 'llm', 'tools', 'router', 'agents', 'gateway', 'dashboard'] as const;

const { values } = await scriptOptions({
  options: {
    'nats-image': { type: 'string' },
    'chroma-image': { type: 'string' },
    'collector-image': { type: 'string' },
    kill: { type: 'string', default: 'tools,agents,llm,nats,gateway,keeper,dashboard,router,chroma,otel-collector' },
  },
});
const standIns = {
  nats: values['nats-image'],
  chroma: values['chroma-image'],
  'otel-collector': values['collector-image'],
};
const engine = new Engine(
  `mesh-trial-${process.pid}`,
  Object.fromEntries(Object.entries(standIns).flatMap(([name, image]) => (image === undefined ? [] : [[name, image]]))),
  // A crash opens a window in this mode; the router has a container of its own.
  { OBS_MODE: 'debug', MESH_CONTAINER_ROUTER_URL: 'grpc://router:50071' },
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
  say(await engine.runOnce('identities'));
  await engine.start('nats');
  await engine.untilHealthy('nats', HEALTHY_LIMIT_MS);
  say('nats is healthy');
  await engine.start('chroma');
  await engine.untilHealthy('chroma', HEALTHY_LIMIT_MS);
  await engine.start('otel-collector');
  await engine.untilSaid('otel-collector', 'Everything is ready', HEALTHY_LIMIT_MS);
  say('chroma is healthy, the collector is ready');
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

/** Documents are indexed by one container, their vectors lie in Chroma, and a question finds them. */
async function checkKnowledge(): Promise<void> {
  const indexed = await engine.runOnce('cli', ['index', 'docs/knowledge.md', 'docs/tools.md']);
  const ask = `const all = await (await fetch('http://chroma:8000/api/v2/tenants/default_tenant/databases/default_database/collections')).json();
    const counts = await Promise.all(all.map(async ({ id }) => (await fetch('http://chroma:8000/api/v2/tenants/default_tenant/databases/default_database/collections/' + id + '/count')).json()));
    console.log(counts.reduce((sum, one) => sum + one, 0))`;
  const stored = Number(await engine.ask('agents', ['node', '--input-type=module', '-e', ask]));
  const found = await engine.runOnce('cli', ['search', 'how are Chroma and the local index compared']);
  if (!(stored > 0) || !found.includes('docs/knowledge.md'))
    throw new Error(`Chroma has ${stored} records after: ${indexed}; found: ${found}`);
  say(`two documents were indexed, Chroma has ${stored} records, and a search finds them`);
}

/** The agents say who decides for them, and what is wrong with it. */
async function checkRouter(): Promise<void> {
  const status = await engine.runOnce('cli', ['status', '--json']).catch((error: unknown) => String(error));
  if (!status.includes('router:remote') || /router: [^"]*; rules decide/.test(status))
    throw new Error(`the agents do not ask the router: ${status.slice(-2000)}`);
  const printed = await engine.runOnce('cli', ['run', '--json', 'What is a lease?']);
  if (!/"engine": ?"(?!rules)[^"]+"/.test(printed)) throw new Error(`the rules have decided: ${printed.slice(-2000)}`);
  say('the router in its container has decided');
}

async function checkSpans(): Promise<void> {
  const line = await engine.untilSaid('otel-collector', '"spans":', HEALTHY_LIMIT_MS);
  say(`the collector was told: ${line.slice(line.indexOf('Traces'))}`);
}

async function checkDoor(): Promise<void> {
  const port = await engine.inspect('gateway', '{{(index (index .NetworkSettings.Ports "7444/tcp") 0).HostPort}}');
  const card = await fetch(`http://127.0.0.1:${port}/.well-known/agent-card.json`);
  const strange = await fetch(`http://127.0.0.1:${port}/a2a/rest/v1/tasks`);
  if (!card.ok || strange.status !== 401)
    throw new Error(`the card is ${card.status}, a call without a token ${strange.status}`);
  say('the gateway answers on loopback: its card to all, tasks to nobody without a token');
}

/** Who is on the network and has no key gets nothing; who has another's work to do may not submit. */
async function checkIdentities(): Promise<void> {
  const asks = (key: string): string =>
    `const { connect, nkeyAuthenticator } = await import('nats'); const { readFileSync } = await import('node:fs');
     const nc = await connect({ servers: 'nats:4222', ${key} });
     const told = nc.status()[Symbol.asyncIterator]().next(); nc.publish('mesh.tasks', 'x'); await nc.flush();
     console.log(JSON.stringify(await Promise.race([told, new Promise((r) => setTimeout(r, 2000, 'taken'))]), (k, v) => v instanceof Error ? v.message : v)); process.exit(0)`;
  const run = (key: string): Promise<string> =>
    engine.ask('tools', ['node', '--input-type=module', '-e', asks(key)]).catch((error: unknown) => String(error));
  const stranger = await run('');
  const tools = await run(
    `inboxPrefix: '_INBOX.tools', authenticator: nkeyAuthenticator(readFileSync('/run/identity/seed.nk').subarray(0, 58))`,
  );
  if (!/authorization/i.test(stranger) || !/permissions violation/i.test(tools))
    throw new Error(`without a key: ${stranger.slice(-300)}; tools submit: ${tools.slice(-300)}`);
  say('NATS lets in nobody without a key, and tools may not submit a task');
}

function exitCodeOf(error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : null;
  return cause instanceof Error && 'code' in cause ? cause.code : null;
}

/** Everything that the limit lets a container have is taken, until the kernel ends whoever takes it. */
async function fillMemory(name: string, factor: number): Promise<void> {
  const greedy = 'const all = []; for (;;) all.push(Buffer.alloc(32 << 20, 1))';
  const code = await engine.ask(name, ['node', '--max-old-space-size=64', '-e', greedy]).then(
    () => 0,
    (error: unknown) => exitCodeOf(error),
  );
  // 128 and SIGKILL.
  if (code !== 137) throw new Error(`what took all memory of ${name} ended with ${code}: no limit stopped it`);
  const state = await engine.inspect(name, '{{.State.Running}} {{.State.OOMKilled}} {{.State.ExitCode}}');
  if (!state.startsWith('true')) await engine.restart(name);
  await engine.untilHealthy(name, HEALTHY_LIMIT_MS);
  await task(factor);
  say(
    `the memory limit of ${name} was hit (running, OOM, exit code: ${state}): it is healthy, and a task was answered`,
  );
}

/** By the link that setup left, in a real browser: the task that was asked is on the page. */
async function checkInBrowser(): Promise<void> {
  const port = await engine.inspect('dashboard', '{{(index (index .NetworkSettings.Ports "7445/tcp") 0).HostPort}}');
  const { search } = new URL(await engine.ask('dashboard', ['cat', '/run/mesh/dashboard-link']));
  const browser = await startBrowser();
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${port}/${search}`);
    await page.getByText('tool:calculator').first().waitFor({ timeout: HEALTHY_LIMIT_MS });
    say(`the dashboard in Chromium shows the task (${await page.title()})`);
  } finally {
    await browser.close();
  }
}

/** By the link that setup left, as a person opens it. */
async function checkDashboard(): Promise<void> {
  const port = await engine.inspect('dashboard', '{{(index (index .NetworkSettings.Ports "7445/tcp") 0).HostPort}}');
  const address = `http://127.0.0.1:${port}`;
  const { search } = new URL(await engine.ask('dashboard', ['cat', '/run/mesh/dashboard-link']));
  const stranger = await fetch(address);
  const shown = await fetch(`${address}/${search}`, { redirect: 'manual' });
  const cookie = shown.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const page = await fetch(address, { headers: { cookie } });
  if (stranger.status !== 401 || shown.status !== 303 || !page.ok)
    throw new Error(
      `the dashboard: ${stranger.status} without its link, ${shown.status} with it, the page ${page.status}`,
    );
  say('the dashboard shows its pages to whoever has its link, and nothing to others');
}

/** Killed while a task is under way; the task has to come to its end once the container is there again. */
async function kill(name: string, factor: number): Promise<void> {
  const underWay = task(factor);
  await engine.kill(name);
  await engine.restart(name);
  if (name === 'otel-collector') await engine.untilRunning(name, HEALTHY_LIMIT_MS);
  else await engine.untilHealthy(name, HEALTHY_LIMIT_MS);
  await underWay;
  await task(factor + 1);
  say(`${name} was killed and started again: the task under way and the next one were answered`);
}

try {
  await startAll();
  await checkHardening();
  await task(6);
  say('a task went through');
  await checkSpans();
  await checkKnowledge();
  await checkRouter();
  await checkDoor();
  await checkIdentities();
  await checkDashboard();
  await checkInBrowser();
  let factor = 10;
  for (const name of (values.kill ?? '').split(',').filter((one) => one !== '')) {
    await kill(name, factor);
    factor += 10;
  }
  say(`after the first kill: ${await engine.untilSaid('agents', 'full telemetry begins', HEALTHY_LIMIT_MS)}`);
  await fillMemory('tools', factor);
  say('done');
} finally {
  await engine.remove();
}
