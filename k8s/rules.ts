/**
 * What the mesh asks of its Kubernetes objects beyond their schemas. Owns: the rules of settings, ledgers, resources, log and
 * keys, each a sentence that names the object, what is wrong and what to do. Does not own: reading objects (`manifest.ts`), how
 * pods are held (`pod-rules.ts`), who reaches whom (`reach-rules.ts`).
 */
import { identities } from '../bus/identities.ts';
import { readSettings, type Settings, SettingsError, settingNames } from '../config/settings.ts';
import { type Service, services as table } from '../services/table.ts';
import { containerOf, type Manifests, nameOf, toCores, toMib, type Workload } from './manifest.ts';
import { hostProblems, securityProblems } from './pod-rules.ts';
import { policyProblems, portProblems, reachProblems } from './reach-rules.ts';

/** Made by k8s/make-secrets.sh; they are in no file. */
const SECRETS: ReadonlySet<string> = new Set([
  ...['mesh-nats-users', 'mesh-callers', 'mesh-dashboard'],
  ...identities.map((identity) => identitySecret(identity)),
]);
/** Where `k8s/make-secrets.sh` puts the key of an identity on NATS. */
function identitySecret(identity: string): string {
  return `mesh-nats-${identity}`;
}
/** Beside the heap, as services/caps.ts counts. */
const NATIVE_BASE_MB = 256;
/** An orderly end takes ten seconds at most, and closing its connection a few more. */
const END_SECONDS_MIN = 20;

const serviceOf = (workload: Workload): Service | null =>
  table.find(({ name }) => name === workload.metadata.labels?.['agent-mesh.dev/service']) ?? null;

function settingsProblems({ workloads, configMaps }: Manifests): string[] {
  const maps = configMaps.filter(({ metadata }) => metadata.name.startsWith('mesh-settings'));
  if (maps.length !== 1) return [`there are ${maps.length} ConfigMaps mesh-settings; the mesh reads one`];
  const modes = configMaps.filter(({ metadata }) => metadata.name === 'mesh-mode');
  if (modes.length !== 1) return ['the ConfigMap mesh-mode is not there under that very name: it holds OBS_MODE, live'];
  const texts = [...maps, ...modes].map(({ metadata, data }) => {
    return { where: `ConfigMap ${metadata.name.replace(/-[a-z0-9]{10}$/, '')}`, data };
  });
  for (const workload of workloads) {
    if (serviceOf(workload) === null) continue;
    const data = Object.fromEntries(
      containerOf(workload).env.flatMap((one) => (one.value === undefined ? [] : [[one.name, one.value]])),
    );
    texts.push({ where: nameOf(workload), data });
  }
  return texts.flatMap(({ where, data }) => {
    const unknown = Object.keys(data).filter((name) => !settingNames.includes(name));
    const problems = unknown.map((name) => `${where}: ${name} is no setting of the mesh; .env.example has them all`);
    try {
      readSettings(data);
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      problems.push(`${where}: ${error.message}`);
    }
    return problems;
  });
}

/** Null where they are wrong, which `settingsProblems` says. */
function settingsOf(workload: Workload, { configMaps }: Manifests): Settings | null {
  const shared = configMaps.find(({ metadata }) => metadata.name.startsWith('mesh-settings'))?.data ?? {};
  const own = Object.fromEntries(containerOf(workload).env.map(({ name, value }) => [name, value]));
  try {
    return readSettings({ ...shared, ...own });
  } catch (error) {
    if (error instanceof SettingsError) return null;
    throw error;
  }
}

function ledgerProblems(manifests: Manifests): string[] {
  return table
    .filter(({ hasLedger }) => hasLedger)
    .flatMap(({ name }) => {
      const workload = manifests.workloads.find((one) => serviceOf(one)?.name === name);
      if (workload === undefined)
        return [`no workload runs the service ${name}; without it tasks stop where they need it`];
      const problems: string[] = [];
      const where = nameOf(workload);
      if (workload.kind !== 'StatefulSet')
        problems.push(`${where}: it keeps a ledger, so it has to be a StatefulSet with a volume for each pod`);
      const home = workload.spec.volumeClaimTemplates.find(({ metadata }) => metadata.name === 'home');
      if (home === undefined || !containerOf(workload).volumeMounts.some((one) => one.name === 'home'))
        problems.push(`${where}: its ledger needs a volume claim template "home" that is mounted`);
      else if (home.spec.accessModes.join() !== 'ReadWriteOncePod')
        problems.push(
          `${where}: the volume of a ledger is ReadWriteOncePod, not ${home.spec.accessModes.join()}: two pods on one ledger must be impossible`,
        );
      if (workload.spec.replicas < 1)
        problems.push(`${where}: it has no pod; tasks stop where they need ${name}, take 1 or more`);
      if (workload.spec.podManagementPolicy !== 'OrderedReady')
        problems.push(`${where}: podManagementPolicy is OrderedReady, so that an update takes one host at a time`);
      return problems;
    });
}

function probeProblems({ workloads }: Manifests): string[] {
  return workloads.flatMap((workload) => {
    const { startupProbe, readinessProbe, livenessProbe } = containerOf(workload);
    const where = nameOf(workload);
    if (startupProbe === undefined || readinessProbe === undefined || livenessProbe === undefined)
      return [`${where}: it needs a startupProbe, a readinessProbe and a livenessProbe`];
    const asked = [startupProbe, readinessProbe, livenessProbe].map(({ httpGet }) => httpGet?.path);
    const problems: string[] = [];
    if (serviceOf(workload) !== null && asked.join() !== '/startupz,/readyz,/livez')
      problems.push(
        `${where}: its probes ask ${asked.join(', ')}; startup asks /startupz, readiness /readyz, liveness /livez, or an outage of the log restarts every pod`,
      );
    if (JSON.stringify(readinessProbe) === JSON.stringify(livenessProbe))
      problems.push(`${where}: readiness and liveness ask the same; one that is not ready must not be killed for it`);
    return problems;
  });
}

function resourceProblems(manifests: Manifests): string[] {
  return manifests.workloads.flatMap((workload) => {
    const { resources } = containerOf(workload);
    const where = nameOf(workload);
    const problems: string[] = [];
    for (const [name, read] of [
      ['cpu', toCores],
      ['memory', toMib],
    ] as const) {
      const request = read(resources.requests?.[name]);
      const limit = read(resources.limits?.[name]);
      if (Number.isNaN(request) || Number.isNaN(limit))
        problems.push(`${where}: ${name} needs a request and a limit, such as 250m or 512Mi`);
      else if (request > limit) problems.push(`${where}: it requests more ${name} than its limit allows`);
    }
    const service = serviceOf(workload);
    const settings = service === null ? null : settingsOf(workload, manifests);
    if (service === null || settings === null) return problems;
    const model = service.name === 'llm' ? (settings.LLM_MODEL_MEMORY_MB ?? 0) : 0;
    const needed = service.heapMb(settings) + NATIVE_BASE_MB + model;
    const limit = toMib(resources.limits?.memory);
    if (limit < needed)
      problems.push(
        `${where}: its memory limit of ${limit} MiB is below its own cap of ${needed} MiB (heap ${service.heapMb(settings)} + ${NATIVE_BASE_MB}${model > 0 ? ` + model ${model}` : ''}): it would be killed before it can end in order; raise the limit or lower the setting`,
      );
    const grace = workload.spec.template.spec.terminationGracePeriodSeconds ?? 30;
    if (grace < END_SECONDS_MIN)
      problems.push(`${where}: terminationGracePeriodSeconds is ${grace}; an orderly end may take ${END_SECONDS_MIN}`);
    return problems;
  });
}

function logProblems(manifests: Manifests): string[] {
  const nats = manifests.workloads.find(({ metadata }) => metadata.name === 'nats');
  if (nats === undefined) return [];
  const problems: string[] = [];
  const servers = nats.spec.replicas;
  const store = toMib(containerOf(nats).env.find(({ name }) => name === 'STORE_MAX')?.value);
  const disk = toMib(
    nats.spec.volumeClaimTemplates.find(({ metadata }) => metadata.name === 'data')?.spec.resources?.requests?.storage,
  );
  if (!(store < disk))
    problems.push(
      `StatefulSet nats: STORE_MAX is ${store} MiB and its volume "data" has ${disk}: the store has to be smaller, or a full disk ends the server instead of a refusal that says so`,
    );
  const conf =
    manifests.configMaps.find(({ metadata }) => metadata.name.startsWith('nats-config'))?.data['nats.conf'] ?? '';
  const copies = Number(
    manifests.configMaps.find(({ metadata }) => metadata.name.startsWith('mesh-settings'))?.data.MESH_LOG_REPLICAS ?? 1,
  );
  if (copies > servers)
    problems.push(
      `MESH_LOG_REPLICAS=${copies}, but StatefulSet nats has ${servers} servers: a log cannot have more copies than servers`,
    );
  if (servers % 2 === 0)
    problems.push(
      `StatefulSet nats has ${servers} servers; an even number survives no more losses than one less, take 1, 3 or 5`,
    );
  if (servers > 1 && copies === 1)
    problems.push(
      `StatefulSet nats has ${servers} servers, but MESH_LOG_REPLICAS=1: the loss of the one that has the log stops the mesh; set it to 3`,
    );
  const routes = conf.match(/nats:\/\/nats-\d+\.nats-servers:6222/g)?.length ?? 0;
  if (servers > 1 && routes !== servers)
    problems.push(
      `nats.conf names ${routes} servers, StatefulSet nats has ${servers}: they would not all find each other`,
    );
  if (!/^include users\/users\.conf$/m.test(conf))
    problems.push('nats.conf lacks `include users/users.conf`: without it whoever reaches the server is in');
  if (!/max_file_store:\s*\$STORE_MAX/.test(conf))
    problems.push('nats.conf lacks `max_file_store: $STORE_MAX`: the log would not know how large its volume is');
  if (!/sync_interval:\s*always/.test(conf))
    problems.push('nats.conf lacks `sync_interval: always`: what the log acknowledged could be lost with the power');
  return problems;
}

/** Each service has the key of its own identity, and no other. */
function identityProblems({ workloads }: Manifests): string[] {
  return workloads.flatMap((workload) => {
    const service = serviceOf(workload);
    const given = workload.spec.template.spec.volumes.flatMap(({ secret }) =>
      secret?.secretName.startsWith('mesh-nats-') === true ? [secret.secretName] : [],
    );
    const needs = identities.find((identity) => identity === service?.name);
    const wanted = needs === undefined ? [] : [identitySecret(needs)];
    return given.join() === wanted.join()
      ? []
      : [
          `${nameOf(workload)}: it is given ${given.join(' and ') || 'no key'} of NATS; ${wanted.join() || 'none'} is its own, and whoever has another's may do what that one may`,
        ];
  });
}

function referenceProblems({ workloads, configMaps }: Manifests): string[] {
  const maps = new Set(configMaps.map(({ metadata }) => metadata.name));
  return workloads.flatMap((workload) => {
    const one = containerOf(workload);
    const { volumes } = workload.spec.template.spec;
    const wantedMaps = [
      ...one.envFrom.map(({ configMapRef }) => configMapRef?.name),
      ...one.env.map(({ valueFrom }) => valueFrom?.configMapKeyRef?.name),
      ...volumes.map(({ configMap }) => configMap?.name),
      ...volumes.flatMap(({ projected }) => projected?.sources.map(({ configMap }) => configMap?.name) ?? []),
    ];
    const wantedSecrets = [
      ...one.env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
      ...volumes.map(({ secret }) => secret?.secretName),
      ...volumes.flatMap(({ projected }) => projected?.sources.map(({ secret }) => secret?.name) ?? []),
    ];
    const mounted = new Set(
      [...volumes, ...workload.spec.volumeClaimTemplates.map(({ metadata }) => metadata)].map(({ name }) => name),
    );
    return [
      ...wantedMaps
        .filter((name) => name !== undefined && !maps.has(name))
        .map((name) => `${nameOf(workload)}: the ConfigMap ${name} is not there`),
      ...wantedSecrets
        .filter((name) => name !== undefined && !SECRETS.has(name))
        .map(
          (name) =>
            `${nameOf(workload)}: nothing makes the Secret ${name}; k8s/make-secrets.sh makes ${[...SECRETS].join(' and ')}`,
        ),
      ...one.volumeMounts
        .filter(({ name }) => !mounted.has(name))
        .map(({ name }) => `${nameOf(workload)}: the volume ${name} that it mounts is not there`),
    ];
  });
}

/** Of one whole rendered overlay. Empty when all is well. */
export function ruleProblems(manifests: Manifests): string[] {
  const rules = [
    settingsProblems,
    ledgerProblems,
    probeProblems,
    securityProblems,
    hostProblems,
    resourceProblems,
    logProblems,
    identityProblems,
    reachProblems,
    policyProblems,
    portProblems,
    referenceProblems,
  ];
  return rules.flatMap((rule) => rule(manifests));
}
