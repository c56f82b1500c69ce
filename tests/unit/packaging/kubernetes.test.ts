import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { projectRoot } from '../../../config/settings.ts';
import { problemsOf } from '../../../k8s/check.ts';
import { containerOf, type Manifests, parseObjects, readManifests, type Workload } from '../../../k8s/manifest.ts';
import { services } from '../../../services/table.ts';
import { render, renderOverlay } from '../../support/kustomize.ts';

const overlay = (name: string): string => join(projectRoot, 'k8s', 'overlays', name);

function workload({ workloads }: Manifests, name: string): Workload {
  const found = workloads.find(({ metadata }) => metadata.name === name);
  if (found === undefined) throw new Error(`no workload ${name}`);
  return found;
}

function settingsIn({ configMaps }: Manifests): Readonly<Record<string, string>> {
  return configMaps.find(({ metadata }) => metadata.name.startsWith('mesh-settings'))?.data ?? {};
}

describe.each(['local', 'ha'])('the overlay %s', (name) => {
  let yaml = '';
  let manifests: Manifests;
  beforeAll(async () => {
    yaml = await render(overlay(name));
    manifests = readManifests(parseObjects(yaml));
  });

  it('is what Kubernetes takes, and right for the mesh', () => {
    expect(problemsOf(yaml)).toEqual([]);
  });

  it('has every service of the mesh that is started by itself, hosts with a volume for each pod', () => {
    for (const { name: service, hasLedger } of services.filter(({ supervised }) => supervised)) {
      const { kind, spec } = workload(manifests, service);
      expect(kind, service).toBe(hasLedger ? 'StatefulSet' : 'Deployment');
      const homes = spec.volumeClaimTemplates.filter(({ metadata }) => metadata.name === 'home');
      expect(homes.map(({ spec: { accessModes } }) => accessModes)).toEqual(hasLedger ? [['ReadWriteOncePod']] : []);
    }
  });

  it('names each host after its pod, and gives it the key of its own identity on NATS alone', () => {
    for (const service of ['keeper', 'agents', 'llm', 'tools', 'gateway', 'dashboard']) {
      const found = workload(manifests, service);
      const { env, volumeMounts } = containerOf(found);
      expect(env).toContainEqual({ name: 'MESH_HOST_ID', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } });
      expect(env).toContainEqual({ name: 'NATS_NKEY', value: '/run/identity/seed.nk' });
      expect(volumeMounts).toContainEqual({ name: 'identity', mountPath: '/run/identity', readOnly: true });
      const secrets = found.spec.template.spec.volumes.flatMap(({ secret }) => secret?.secretName ?? []);
      expect(secrets.filter((name) => name.startsWith('mesh-nats-'))).toEqual([`mesh-nats-${service}`]);
    }
    const { sources } = workload(manifests, 'nats').spec.template.spec.volumes.find(({ name }) => name === 'config')
      ?.projected ?? { sources: [] };
    expect(sources.map(({ secret }) => secret?.name)).toContain('mesh-nats-users');
    expect(yaml).not.toMatch(/^kind: Secret$/m);
  });

  it('has the mode in a ConfigMap of one name, which the gateway follows and which rolls nothing', () => {
    const modes = manifests.configMaps.filter(({ metadata }) => metadata.name === 'mesh-mode');
    expect(modes.map(({ data }) => data)).toEqual([{ OBS_MODE: name === 'local' ? 'debug' : 'shipping' }]);
    const gateway = workload(manifests, 'gateway');
    expect(containerOf(gateway).env).toContainEqual({ name: 'OBS_MODE_FILE', value: '/etc/mesh-mode/OBS_MODE' });
    expect(containerOf(gateway).volumeMounts).toContainEqual({
      ...{ name: 'mode', mountPath: '/etc/mesh-mode', readOnly: true },
    });
    expect(gateway.spec.template.spec.volumes).toContainEqual({ name: 'mode', configMap: { name: 'mesh-mode' } });
  });

  it('gives the dashboard the gateway, and its two tokens by a secret', () => {
    const { env } = containerOf(workload(manifests, 'dashboard'));
    const secret = (key: string) => ({ secretKeyRef: { name: 'mesh-dashboard', key } });
    expect(env).toContainEqual({ name: 'MESH_DASHBOARD_TOKEN', valueFrom: secret('token') });
    expect(env).toContainEqual({ name: 'MESH_DASHBOARD_CALLER_TOKEN', valueFrom: secret('caller-token') });
    expect(env).toContainEqual({ name: 'MESH_GATEWAY_HOST', value: 'gateway' });
    const policy = (name: string) => manifests.policies.find(({ metadata }) => metadata.name === name)?.spec;
    const pod = (name: string) => ({ podSelector: { matchLabels: { 'app.kubernetes.io/name': name } } });
    const port = (number: number) => [{ protocol: 'TCP', port: number }];
    expect(policy('dashboard')).toMatchObject({
      ingress: [
        { from: [{ namespaceSelector: { matchLabels: { 'agent-mesh.dev/callers': 'true' } } }], ports: port(7445) },
      ],
      egress: [{ to: [pod('gateway')], ports: port(7443) }],
    });
    expect(policy('gateway')?.ingress).toContainEqual({ from: [pod('dashboard')], ports: port(7443) });
  });

  it('writes nowhere but into its volumes and /tmp', () => {
    for (const one of manifests.workloads) {
      expect(containerOf(one).volumeMounts, one.metadata.name).toContainEqual({ name: 'tmp', mountPath: '/tmp' });
      expect(containerOf(one).securityContext).toMatchObject({ readOnlyRootFilesystem: true });
    }
  });

  it('publishes nothing by itself', () => {
    expect(manifests.services.map(({ spec }) => spec.type ?? 'ClusterIP')).toEqual(
      manifests.services.map(() => 'ClusterIP'),
    );
  });
});

describe('what differs between the overlays', () => {
  it('local is one of everything, in debug mode', async () => {
    const manifests = readManifests(parseObjects(await render(overlay('local'))));
    expect(settingsIn(manifests)).toMatchObject({ MESH_LOG_REPLICAS: '1' });
    expect(manifests.workloads.map(({ spec }) => spec.replicas)).toEqual(manifests.workloads.map(() => 1));
  });

  it('ha has three copies of the log on three nodes, and a standby of each role', async () => {
    const manifests = readManifests(parseObjects(await render(overlay('ha'))));
    expect(settingsIn(manifests)).toMatchObject({ MESH_LOG_REPLICAS: '3' });
    const replicas = (name: string): number => workload(manifests, name).spec.replicas;
    expect(replicas('nats')).toBe(3);
    for (const name of ['agents', 'llm', 'tools', 'gateway']) expect(replicas(name), name).toBeGreaterThan(1);
    expect(workload(manifests, 'nats').spec.template.spec).toMatchObject({
      affinity: {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname' }],
        },
      },
    });
  });

  it('the component router adds a service that is hardened and that agents may reach', async () => {
    const yaml = await renderOverlay('resources: [../../base]\ncomponents: [../../components/router]\n');
    expect(problemsOf(yaml)).toEqual([]);
    const manifests = readManifests(parseObjects(yaml));
    expect(settingsIn(manifests).ROUTER_URL).toBe('grpc://router:50071');
    expect(workload(manifests, 'router').spec.template.spec.automountServiceAccountToken).toBe(false);
  });
});

const setting = (line: string, map = 'mesh-settings'): string =>
  `resources: [../../base]\nconfigMapGenerator:\n  - { name: ${map}, namespace: agent-mesh, behavior: merge, literals: ["${line}"] }\n`;
const replace = (kind: string, name: string, path: string, value: string): string =>
  `resources: [../../base]\npatches:\n  - target: { kind: ${kind}, name: ${name} }\n    patch: |\n      - { op: replace, path: ${path}, value: ${value} }\n`;
const remove = (kind: string, name: string, path: string): string =>
  `resources: [../../base]\npatches:\n  - target: { kind: ${kind}, name: ${name} }\n    patch: |\n      - { op: remove, path: ${path} }\n`;
const first = '/spec/template/spec/containers/0';

const anyObject = z.looseObject({ kind: z.string(), metadata: z.looseObject({ name: z.string() }) });
let rendered = '';

/** The base with one value of one object set, as a patch of an overlay sets it. */
function changed(kind: string, name: string, path: string, value: unknown): string {
  const objects = parseObjects(rendered).map((one) => anyObject.parse(one));
  const target = objects.find((one) => one.kind === kind && one.metadata.name === name);
  const keys = path.slice(1).split('/');
  const last = keys.pop() ?? '';
  let inside: unknown = target;
  for (const key of keys) inside = Reflect.get(Object(inside), key);
  if (typeof inside !== 'object' || inside === null) throw new Error(`${kind} ${name} has no ${path}`);
  Reflect.set(inside, last, value);
  return objects.map((one) => JSON.stringify(one)).join('\n---\n');
}

describe('a wrong value in an overlay is a sentence', () => {
  beforeAll(async () => {
    rendered = await render(join(projectRoot, 'k8s', 'base'));
  });

  it.each([
    [
      'a text for a number',
      replace('StatefulSet', 'agents', '/spec/replicas', '"2"'),
      'StatefulSet agents: spec.replicas must be',
    ],
    [
      'an unknown field',
      `resources: [../../base]\npatches:\n  - target: { kind: StatefulSet, name: agents }\n    patch: |\n      - { op: add, path: /spec/replica, value: 2 }\n`,
      'must NOT have additional properties: replica',
    ],
    ['a mode that is none', setting('OBS_MODE=loud', 'mesh-mode'), 'ConfigMap mesh-mode: OBS_MODE=loud'],
    [
      'a ConfigMap of the mode that nobody follows',
      'resources: [../../base]\nnameSuffix: -mine\n',
      'the ConfigMap mesh-mode is not there under that very name',
    ],
    [
      'a service with the key of another one',
      replace('StatefulSet', 'llm', '/spec/template/spec/volumes/0/secret/secretName', 'mesh-nats-owner'),
      'StatefulSet llm: it is given mesh-nats-owner of NATS; mesh-nats-llm is its own',
    ],
    ['a setting that is none', setting('OBSMODE=debug'), 'OBSMODE is no setting of the mesh'],
    [
      'more copies than servers',
      setting('MESH_LOG_REPLICAS=3'),
      'MESH_LOG_REPLICAS=3, but StatefulSet nats has 1 servers',
    ],
    [
      'a cap above the limit',
      setting('AGENTS_MEMORY_MB=4096'),
      'StatefulSet agents: its memory limit of 1280 MiB is below its own cap of 4352 MiB',
    ],
    [
      'an even number of servers',
      'resources: [../../base]\nreplicas: [{ name: nats, count: 2 }]\n',
      'StatefulSet nats has 2 servers; an even number',
    ],
    [
      'servers without copies',
      'resources: [../../base]\nreplicas: [{ name: nats, count: 3 }]\n',
      'but MESH_LOG_REPLICAS=1',
    ],
    [
      'a shared volume of a ledger',
      replace('StatefulSet', 'agents', '/spec/volumeClaimTemplates/0/spec/accessModes', '[ReadWriteMany]'),
      'two pods on one ledger must be impossible',
    ],
    [
      'a liveness that asks for the log',
      replace('StatefulSet', 'tools', `${first}/livenessProbe/httpGet/path`, '/readyz'),
      'StatefulSet tools: its probes ask /startupz, /readyz, /readyz',
    ],
    [
      'a missing probe',
      remove('Deployment', 'gateway', `${first}/startupProbe`),
      'Deployment gateway: it needs a startupProbe',
    ],
    [
      'a root file system that is written to',
      replace('StatefulSet', 'llm', `${first}/securityContext/readOnlyRootFilesystem`, 'false'),
      'container llm lacks readOnlyRootFilesystem:true',
    ],
    [
      'a request above the limit',
      replace('StatefulSet', 'llm', `${first}/resources/requests/memory`, '8Gi'),
      'StatefulSet llm: it requests more memory than its limit allows',
    ],
    [
      'an image without a version',
      'resources: [../../base]\nimages: [{ name: agent-mesh/agents, newTag: latest }]\n',
      'agent-mesh/agents:latest needs a version or a digest',
    ],
    [
      'a budget that lets no node be drained',
      replace('PodDisruptionBudget', 'nats', '/spec/maxUnavailable', '0'),
      'PodDisruptionBudget nats: maxUnavailable has to be 1 or more',
    ],
    [
      'a log that is published',
      'resources: [../../base]\npatches:\n  - target: { kind: Service, name: nats$ }\n    patch: |\n      - { op: add, path: /spec/type, value: LoadBalancer }\n',
      'Service nats: LoadBalancer publishes it',
    ],
    [
      'a service without pods',
      replace('Service', 'chroma', '/spec/selector', '{ app.kubernetes.io/name: chrome }'),
      'Service chroma: no pod has the labels',
    ],
    [
      'a secret that nobody makes',
      replace('Deployment', 'gateway', '/spec/template/spec/volumes/3/secret/secretName', 'callers'),
      'nothing makes the Secret callers',
    ],
    [
      'no default deny',
      'resources: [../../base]\npatches:\n  - target: { kind: NetworkPolicy, name: nothing-by-default }\n    patch: |\n      $patch: delete\n      apiVersion: networking.k8s.io/v1\n      kind: NetworkPolicy\n      metadata: { name: nothing-by-default }\n',
      'no NetworkPolicy forbids everything by default',
    ],
    [
      'an end that is cut off',
      replace('StatefulSet', 'agents', '/spec/template/spec/terminationGracePeriodSeconds', '5'),
      'terminationGracePeriodSeconds is 5',
    ],
  ])('%s', async (_name, kustomization, sentence) => {
    const problems = problemsOf(await renderOverlay(kustomization));
    expect(problems.join('\n')).toContain(sentence);
  });

  it.each([
    [
      'a privileged container',
      ['StatefulSet', 'agents', `${first}/securityContext/privileged`, true],
      'container agents is privileged',
    ],
    [
      'a capability',
      ['StatefulSet', 'agents', `${first}/securityContext/capabilities/add`, ['NET_ADMIN']],
      'is given the capabilities "NET_ADMIN"',
    ],
    [
      'the user root',
      ['Deployment', 'gateway', '/spec/template/spec/securityContext/runAsUser', 0],
      'Deployment gateway: runAsUser is 0, which is root',
    ],
    [
      'an init container that is held by nothing',
      ['StatefulSet', 'llm', '/spec/template/spec/initContainers', [{ name: 'fetch', image: 'busybox:latest' }]],
      'StatefulSet llm: container fetch lacks readOnlyRootFilesystem:true',
    ],
    [
      'the network of the node',
      ['StatefulSet', 'tools', '/spec/template/spec/hostNetwork', true],
      'hostNetwork lets it out',
    ],
    [
      'a folder of the node',
      ['StatefulSet', 'llm', '/spec/template/spec/volumes/1', { name: 'models', hostPath: { path: '/models' } }],
      'the volume models is the folder /models of a node',
    ],
    [
      'hosts of one name',
      ['StatefulSet', 'agents', `${first}/env/1`, { name: 'MESH_HOST_ID', value: 'agents' }],
      'MESH_HOST_ID has to be the name of the pod',
    ],
    ['a service without a host', ['StatefulSet', 'llm', '/spec/replicas', 0], 'StatefulSet llm: it has no pod'],
    [
      'a store that is larger than its volume',
      ['StatefulSet', 'nats', `${first}/env/1`, { name: 'STORE_MAX', value: '100Gi' }],
      'STORE_MAX is 102400 MiB and its volume "data" has 81920',
    ],
    [
      'a policy that names nobody',
      ['NetworkPolicy', 'chroma', '/spec/podSelector/matchLabels', { 'app.kubernetes.io/name': 'chrome' }],
      'NetworkPolicy chroma: no pod has the labels',
    ],
    [
      'a policy with a name that is no pod',
      ['NetworkPolicy', 'outside', '/spec/podSelector/matchExpressions/0/values', ['llm', 'tool']],
      'NetworkPolicy outside: no pod is called tool',
    ],
    [
      'a policy that lets everybody in',
      ['NetworkPolicy', 'gateway', '/spec/ingress/0', { ports: [{ protocol: 'TCP', port: 7443 }] }],
      'NetworkPolicy gateway: a rule without "from" or "to"',
    ],
    [
      'a port at which nothing listens',
      ['Service', 'gateway', '/spec/ports/0/targetPort', 7433],
      'Service gateway: its pods have no port 7433',
    ],
    [
      'a probe at a port that is not there',
      ['Deployment', 'gateway', `${first}/readinessProbe/httpGet/port`, 'healthz'],
      'Deployment gateway: a probe asks at the port healthz',
    ],
  ] as const)('%s', (_name, [kind, name, path, value], sentence) => {
    expect(problemsOf(changed(kind, name, path, value)).join('\n')).toContain(sentence);
  });

  it('nothing rendered, and a kind without a schema', () => {
    expect(problemsOf('')).toEqual(['nothing was rendered: give the output of `kubectl kustomize` on standard input']);
    expect(problemsOf('kind: Ingress\nmetadata: { name: door }\n').join()).toContain(
      'Ingress door: no schema of this kind',
    );
  });
});
