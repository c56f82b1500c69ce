import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { Ajv } from 'ajv';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { identities } from '../../../bus/identities.ts';
import { envExample, projectRoot, readSettings } from '../../../config/settings.ts';
import { containerOf, parseObjects, readManifests, toCores, toMib } from '../../../k8s/manifest.ts';
import composeSchema from '../../../schemas/published/compose-spec.json' with { type: 'json' };
import { services as table } from '../../../services/table.ts';
import { render } from '../../support/kustomize.ts';

const amounts = z.looseObject({
  cpus: z.string().optional(),
  memory: z.string().optional(),
  pids: z.number().optional(),
});
const composed = z.looseObject({
  services: z.record(
    z.string(),
    z.looseObject({
      image: z.string(),
      entrypoint: z.array(z.string()).default([]),
      command: z.array(z.string()).default([]),
      restart: z.string().optional(),
      read_only: z.boolean().optional(),
      cap_drop: z.array(z.string()).optional(),
      security_opt: z.array(z.string()).optional(),
      healthcheck: z.looseObject({ test: z.array(z.string()).optional() }).optional(),
      environment: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
      networks: z.array(z.string()).default([]),
      ports: z.array(z.string()).default([]),
      volumes: z.array(z.string()).default([]),
      depends_on: z.record(z.string(), z.looseObject({ condition: z.string() })).default({}),
      deploy: z
        .looseObject({ resources: z.looseObject({ limits: amounts.optional(), reservations: amounts.optional() }) })
        .optional(),
    }),
  ),
  networks: z.record(z.string(), z.looseObject({ internal: z.boolean().optional() })),
  volumes: z.record(z.string(), z.unknown()),
});

const read = (name: string): unknown => parse(readFileSync(join(projectRoot, name), 'utf8'), { merge: true });
const compose = composed.parse(read('compose.yaml'));
const running = Object.entries(compose.services).filter(([name]) => !['setup', 'identities', 'cli'].includes(name));
const ours = table.map(({ name }) => name);

function service(name: string): (typeof compose.services)[string] {
  const found = compose.services[name];
  if (found === undefined) throw new Error(`compose.yaml has no service ${name}`);
  return found;
}

/** `${NAME:-default}` without anything set. */
const defaultOf = (value: string | number): string => String(value).replace(/\$\{\w+:-([^}]*)\}/, '$1');

describe('compose.yaml', () => {
  it.each(['compose.yaml', 'compose.override.example.yaml'])('%s is a compose file', (name) => {
    const validate = new Ajv({ strict: false, validateFormats: false }).compile({
      ...composeSchema,
      // Named there in a form that Ajv does not know; draft-07 is its default.
      $schema: undefined,
    });
    expect(validate(read(name)) ? [] : validate.errors).toEqual([]);
  });

  it('has every service of the mesh, each with its own image', () => {
    for (const name of ours) expect(service(name).image).toMatch(new RegExp(`^agent-mesh/${name}:\\d`));
  });

  it('publishes the gateway and the dashboard alone, on loopback', () => {
    for (const [name, { ports }] of Object.entries(compose.services)) {
      expect(ports.length > 0, name).toBe(['gateway', 'dashboard'].includes(name));
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
    }
    expect(compose.networks.inside?.internal).toBe(true);
    for (const name of ['nats', 'chroma', 'keeper', 'agents', 'router'])
      expect(service(name).networks).toEqual(['inside']);
  });

  it('starts again what died, with limits, and lets nobody write where nothing is kept', () => {
    for (const [name, one] of running) {
      expect(one.restart, name).toBe('unless-stopped');
      expect(one.read_only, name).toBe(true);
      expect(one.cap_drop, name).toEqual(['ALL']);
      expect(one.security_opt, name).toEqual(['no-new-privileges:true']);
      const { limits, reservations } = one.deploy?.resources ?? {};
      expect(toMib(limits?.memory), name).toBeGreaterThan(toMib(reservations?.memory));
      expect(toCores(limits?.cpus), name).toBeGreaterThan(toCores(reservations?.cpus));
      expect(limits?.pids, name).toBeGreaterThan(0);
    }
  });

  it('starts in the order of health', () => {
    const healthy = { condition: 'service_healthy' };
    for (const name of ['llm', 'tools', 'agents', 'gateway', 'dashboard']) {
      expect(service(name).depends_on.keeper, name).toEqual(healthy);
      expect(service(name).healthcheck?.test?.join(' '), name).toContain('readyz');
    }
    expect(service('keeper').depends_on.nats).toEqual(healthy);
    expect(service('nats').depends_on.identities).toEqual({ condition: 'service_completed_successfully' });
    expect(service('agents').depends_on).toMatchObject({ llm: healthy, tools: healthy });
    expect(service('gateway').depends_on).toMatchObject({
      agents: healthy,
      setup: { condition: 'service_completed_successfully' },
    });
    expect(service('dashboard').depends_on.setup).toEqual({ condition: 'service_completed_successfully' });
    expect(service('nats').healthcheck?.test?.join(' ')).toContain('js-enabled-only');
  });

  it('gives each process the key of its own identity on NATS, and none of another', () => {
    const keys = (name: string): string[] =>
      service(name).volumes.filter((one) => one.startsWith('identity-') && !one.startsWith('identity-server'));
    for (const identity of identities) {
      expect(keys('identities')).toContain(`identity-${identity}:/run/identities/${identity}`);
      if (identity === 'public') continue;
      expect(keys(identity === 'owner' ? 'cli' : identity)).toEqual([`identity-${identity}:/run/identity:ro`]);
    }
    for (const [name, { environment }] of running) {
      const isOurs = identities.some((identity) => identity === name);
      expect(environment.NATS_NKEY, name).toBe(isOurs ? '/run/identity/seed.nk' : name === 'router' ? '' : undefined);
      if (!isOurs) expect(keys(name), name).toEqual([]);
    }
    expect(service('nats').volumes).toContain('identity-server:/etc/nats/users:ro');
    for (const conf of ['containers/nats.conf', 'k8s/base/nats.conf', 'k8s/overlays/ha/nats.conf'])
      expect(readFileSync(join(projectRoot, conf), 'utf8'), conf).toMatch(/^include users\/users\.conf$/m);
  });

  it('gives the dashboard the tokens that setup makes, and nobody else', () => {
    const { command, volumes, ports, environment } = service('dashboard');
    const { entrypoint } = service('setup');
    const folder = entrypoint[2];
    expect(entrypoint.slice(1)).toEqual(['containers/make-caller.ts', folder, 'http://127.0.0.1:7445']);
    expect(ports).toEqual(['127.0.0.1:7445:7445']);
    expect(command).toEqual(['dashboard', `${folder}/dashboard.env`]);
    expect(volumes).toContain(`callers:${folder}:ro`);
    expect(environment).toMatchObject({ MESH_DASHBOARD_HOST: '0.0.0.0', MESH_GATEWAY_HOST: 'gateway' });
    for (const [name, { command: others }] of running)
      if (name !== 'dashboard') expect(others.join(), name).not.toContain(folder);
  });

  it('gives settings that there are, with values that are right', () => {
    const known = new Set([...envExample().matchAll(/^#([A-Z\d_]+)=/gm)].map(([, name]) => name));
    for (const name of ours) {
      const environment = service(name).environment;
      expect(
        Object.keys(environment).filter((key) => !known.has(key)),
        name,
      ).toEqual([]);
      readSettings(Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, defaultOf(value)])));
    }
  });

  it('leaves room around the cap of each service', () => {
    for (const { name, heapMb } of table) {
      const { environment, deploy } = service(name);
      const settings = readSettings(
        Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, defaultOf(value)])),
      );
      const model = name === 'llm' ? (settings.LLM_MODEL_MEMORY_MB ?? 0) : 0;
      expect(toMib(deploy?.resources.limits?.memory), name).toBeGreaterThanOrEqual(heapMb(settings) + 256 + model);
    }
  });

  it('keeps each ledger in a volume of its own', () => {
    const homes = table
      .filter(({ hasLedger }) => hasLedger)
      .map(({ name }) => service(name).volumes.find((one) => one.endsWith(':/var/lib/mesh')));
    expect(new Set(homes).size).toBe(homes.length);
    for (const home of homes) expect(compose.volumes).toHaveProperty(home?.split(':')[0] ?? 'none');
  });

  it('pins what others make by digest', () => {
    for (const [name, { image }] of running)
      if (!ours.some((one) => one === name)) expect(image, name).toMatch(/:[\w.-]+@sha256:[0-9a-f]{64}$/);
  });

  it('syncs the log before it acknowledges', () => {
    const conf = readFileSync(join(projectRoot, 'containers/nats.conf'), 'utf8');
    expect(conf).toMatch(/^ {2}sync_interval: always$/m);
  });
});

describe('compose and Kubernetes', () => {
  let manifests: ReturnType<typeof readManifests>;
  beforeAll(async () => {
    manifests = readManifests(parseObjects(await render(join(projectRoot, 'k8s/base'))));
  });

  it.each(['keeper', 'agents', 'llm', 'tools', 'gateway', 'dashboard', 'nats', 'chroma', 'otel-collector'])(
    'give %s the same limits, requests and image',
    (name) => {
      const found = manifests.workloads.find(({ metadata }) => metadata.name === name);
      if (found === undefined) throw new Error(`k8s/base has no ${name}`);
      const { resources, image } = containerOf(found);
      const { image: composedImage, deploy } = service(name);
      const { limits, reservations } = deploy?.resources ?? {};
      expect(image).toBe(composedImage);
      expect(toMib(resources.limits?.memory)).toBe(toMib(limits?.memory));
      expect(toMib(resources.requests?.memory)).toBe(toMib(reservations?.memory));
      expect(toCores(resources.limits?.cpu)).toBe(toCores(limits?.cpus));
      expect(toCores(resources.requests?.cpu)).toBe(toCores(reservations?.cpus));
    },
  );
});

describe('the collector', () => {
  it('takes all that the mesh sends, in containers and in a cluster alike', () => {
    const collector = z.looseObject({
      exporters: z.record(z.string(), z.unknown()),
      service: z.looseObject({ pipelines: z.record(z.string(), z.record(z.string(), z.array(z.string()))) }),
    });
    const composedOne = collector.parse(read('containers/otel-collector.yaml'));
    expect(read('k8s/base/otel-collector-config.yaml')).toEqual(composedOne);
    const shown = collector.parse(read('monitoring/collector/collector.yaml'));
    const { pipelines } = composedOne.service;
    expect(Object.keys(pipelines)).toEqual(Object.keys(shown.service.pipelines));
    for (const [name, { receivers, processors, exporters = [] }] of Object.entries(pipelines)) {
      expect(receivers, name).toEqual(['otlp']);
      // First of all, so that it refuses what it has no room for.
      expect(processors?.[0], name).toBe('memory_limiter');
      for (const one of exporters) expect(composedOne.exporters).toHaveProperty(one);
      expect(exporters.length, name).toBeGreaterThan(0);
    }
  });
});

describe('Dockerfile', () => {
  const text = readFileSync(join(projectRoot, 'Dockerfile'), 'utf8');
  const stages = [...text.matchAll(/^FROM (\S+) AS (\w+)\n((?:(?!FROM ).*\n?)*)/gm)].map(([, from, name, body]) => ({
    from,
    name,
    body: body ?? '',
  }));
  const targets = stages.filter(({ from }) => from === 'runtime');

  it('has a target for each service of the table', () => {
    expect(targets.map(({ name }) => name).sort()).toEqual([...ours].sort());
    for (const { name, body } of targets) expect(body, name).toContain(`CMD ["${name}"]`);
  });

  it('puts the pages of the dashboard into its image alone, and what builds them into none', () => {
    const copied = 'COPY --from=pages /app/dashboard/build ./dashboard/build';
    for (const { name, body } of stages) {
      expect(body.includes('--from=pages'), name).toBe(name === 'dashboard');
      if (name === 'dashboard') expect(body).toContain(copied);
    }
    expect(stages.find(({ name }) => name === 'pages')?.body).toMatch(/^RUN npm run dashboard$/m);
    const runtime = stages.find(({ name }) => name === 'runtime')?.body ?? '';
    expect(runtime).not.toMatch(/^COPY (?!--from)/m);
    expect(runtime).toContain('COPY --from=sources /app ./');
    expect(stages.find(({ name }) => name === 'sources')?.body).toMatch(/^RUN rm -rf dashboard\/src /m);
    const ignored = readFileSync(join(projectRoot, '.dockerignore'), 'utf8').split('\n');
    for (const line of ['!dashboard', 'dashboard/build*', 'dashboard/.svelte-kit']) expect(ignored).toContain(line);
  });

  it('has every folder that what runs imports from', () => {
    const lines = readFileSync(join(projectRoot, '.dockerignore'), 'utf8').split('\n');
    const given = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    const sources = given.flatMap((name) => globSync(`${name}/**/*.{ts,svelte}`, { cwd: projectRoot }));
    const missing = sources.flatMap((source) =>
      [...readFileSync(join(projectRoot, source), 'utf8').matchAll(/(?:\bfrom |\bimport\()'(\.{1,2}\/[^']+)'/g)]
        .map(([, path = '']) => normalize(join(dirname(source), path)))
        .filter((path) => !given.includes(path.split('/')[0] ?? ''))
        .map((path) => `${source} imports ${path}`),
    );
    expect(sources).toContain('services/main.ts');
    expect(missing).toEqual([]);
  });

  it('pins its base, runs as nobody in particular, under an init, with a health check', () => {
    expect(text).toMatch(/^ARG NODE_IMAGE=docker\.io\/library\/node:24-\S+@sha256:[0-9a-f]{64}$/m);
    const runtime = stages.find(({ name }) => name === 'runtime')?.body ?? '';
    expect(runtime).toMatch(/^USER 10001:10001$/m);
    expect(runtime).toMatch(/^ENTRYPOINT \["tini", "--",/m);
    expect(runtime).toContain('containers/ask-health.ts", "readyz"');
  });

  it('says whence, from which commit and when it was made, as OCI names it', () => {
    const runtime = stages.find(({ name }) => name === 'runtime')?.body ?? '';
    for (const label of ['version', 'revision', 'source', 'created']) {
      expect(runtime).toMatch(new RegExp(`^ARG ${label.toUpperCase()}=\\S+$`, 'm'));
      expect(runtime).toContain(`org.opencontainers.image.${label}="\${${label.toUpperCase()}}"`);
    }
  });
});
