/**
 * Who reaches whom in the cluster. Owns: the rules of services, budgets, network policies and ports. Does not own: the other
 * rules (`rules.ts`).
 */
import { type Container, labelsOf, type Manifests, nameOf, type Selector } from './manifest.ts';

/** Pods that are no workload of an overlay: `k8s/cli.yaml`. */
const OTHERS: readonly Readonly<Record<string, string>>[] = [
  { 'app.kubernetes.io/name': 'cli', 'app.kubernetes.io/part-of': 'agent-mesh', 'agent-mesh.dev/reads-log': 'true' },
];
/** Named by the policies of the base, and in an overlay only with its component. */
const OPTIONAL = ['router'];

function matches(labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

export function reachProblems({ workloads, services, budgets, policies }: Manifests): string[] {
  const problems: string[] = [];
  const pods = workloads.map(labelsOf);
  for (const { metadata, spec } of services) {
    if (!pods.some((labels) => matches(labels, spec.selector)))
      problems.push(`Service ${metadata.name}: no pod has the labels that it selects`);
    if (spec.type !== undefined && spec.type !== 'ClusterIP' && metadata.name !== 'gateway')
      problems.push(`Service ${metadata.name}: ${spec.type} publishes it; the gateway alone is reached from outside`);
  }
  for (const { metadata, spec } of budgets) {
    if (!pods.some((labels) => matches(labels, spec.selector.matchLabels ?? {})))
      problems.push(`PodDisruptionBudget ${metadata.name}: no pod has the labels that it selects`);
    if (spec.maxUnavailable === 0 || spec.maxUnavailable === '0%' || spec.maxUnavailable === undefined)
      problems.push(
        `PodDisruptionBudget ${metadata.name}: maxUnavailable has to be 1 or more, or no node can be drained`,
      );
  }
  const denies = policies.some(
    ({ spec }) =>
      Object.keys(spec.podSelector).length === 0 &&
      spec.ingress.length === 0 &&
      spec.egress.length === 0 &&
      spec.policyTypes.length === 2,
  );
  if (!denies)
    problems.push(
      'no NetworkPolicy forbids everything by default, so the others forbid nothing to pods that they do not name',
    );
  return problems;
}

function selects(
  { matchLabels = {}, matchExpressions = [] }: Selector,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    matches(labels, matchLabels) &&
    matchExpressions.every(({ key, operator, values }) => {
      const value = labels[key];
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        default:
          return false;
      }
    })
  );
}

/** Names in a list of values that no pod has: each would be a pod that the policy forgets. */
function strayNames({ matchExpressions = [] }: Selector, pods: readonly Readonly<Record<string, string>>[]): string[] {
  return matchExpressions.flatMap(({ key, operator, values }) =>
    operator === 'In'
      ? values.filter((value) => !OPTIONAL.includes(value) && !pods.some((labels) => labels[key] === value))
      : [],
  );
}

export function policyProblems({ workloads, policies }: Manifests): string[] {
  const pods = [...workloads.map(labelsOf), ...OTHERS];
  return policies.flatMap(({ metadata, spec }) => {
    const where = `NetworkPolicy ${metadata.name}`;
    const rules = [...spec.ingress.map(({ from }) => from), ...spec.egress.map(({ to }) => to)];
    const inside = rules
      .flat()
      .flatMap(({ podSelector, namespaceSelector }) =>
        podSelector === undefined || namespaceSelector !== undefined ? [] : [podSelector],
      );
    const all = [spec.podSelector, ...inside];
    const problems = all
      .filter((one) => !pods.some((labels) => selects(one, labels)))
      .map(
        (one) =>
          `${where}: no pod has the labels that it names (${JSON.stringify(one.matchLabels ?? one.matchExpressions)})`,
      );
    for (const name of all.flatMap((one) => strayNames(one, pods))) problems.push(`${where}: no pod is called ${name}`);
    if (rules.some((peers) => peers.length === 0))
      problems.push(`${where}: a rule without "from" or "to" lets everybody through; name who may`);
    return problems;
  });
}

function hasPort({ ports }: Container, wanted: string | number): boolean {
  return ports.some(({ name, containerPort }) => name === wanted || containerPort === wanted);
}

/** Services and probes that knock where nothing listens: schemas take them, and a pod is never ready. */
export function portProblems({ workloads, services }: Manifests): string[] {
  const ofServices = services.flatMap(({ metadata, spec }) =>
    workloads
      .filter((workload) => matches(labelsOf(workload), spec.selector))
      .flatMap(({ spec: { template } }) =>
        spec.ports
          .map(({ port, targetPort = port }) => targetPort)
          .filter((wanted) => !template.spec.containers.some((one) => hasPort(one, wanted)))
          .map((wanted) => `Service ${metadata.name}: its pods have no port ${wanted}`),
      ),
  );
  const ofProbes = workloads.flatMap((workload) =>
    workload.spec.template.spec.containers.flatMap((one) =>
      [one.startupProbe, one.readinessProbe, one.livenessProbe]
        .flatMap((probe) => probe?.httpGet?.port ?? probe?.tcpSocket?.port ?? [])
        .filter((wanted) => !hasPort(one, wanted))
        .map((wanted) => `${nameOf(workload)}: a probe asks at the port ${wanted}, which the container does not have`),
    ),
  );
  return [...ofServices, ...new Set(ofProbes)];
}
