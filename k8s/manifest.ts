/**
 * The parts of rendered Kubernetes objects that the rules look at. Owns: reading them from YAML. Does not own: whether
 * they are valid objects (`schema.ts`), or right for the mesh (`rules.ts`).
 */
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';

const labels = z.record(z.string(), z.string());
const expression = z.looseObject({ key: z.string(), operator: z.string(), values: z.array(z.string()).default([]) });
const selector = z.looseObject({ matchLabels: labels.optional(), matchExpressions: z.array(expression).optional() });
const port = z.union([z.string(), z.number()]);
const probe = z.looseObject({
  httpGet: z.looseObject({ path: z.string(), port }).optional(),
  tcpSocket: z.looseObject({ port }).optional(),
  periodSeconds: z.number().optional(),
  failureThreshold: z.number().optional(),
});
const amounts = z.record(z.string(), z.union([z.string(), z.number()]));
const reference = z.looseObject({ name: z.string(), key: z.string().optional() });
const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  env: z
    .array(
      z.looseObject({
        name: z.string(),
        value: z.string().optional(),
        valueFrom: z
          .looseObject({
            secretKeyRef: reference.optional(),
            configMapKeyRef: reference.optional(),
            fieldRef: z.looseObject({ fieldPath: z.string() }).optional(),
          })
          .optional(),
      }),
    )
    .default([]),
  envFrom: z.array(z.looseObject({ configMapRef: reference.optional() })).default([]),
  ports: z.array(z.looseObject({ name: z.string().optional(), containerPort: z.number() })).default([]),
  resources: z.looseObject({ requests: amounts.optional(), limits: amounts.optional() }).default({}),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })).default([]),
  startupProbe: probe.optional(),
  readinessProbe: probe.optional(),
  livenessProbe: probe.optional(),
  securityContext: z.looseObject({}).optional(),
});
const pod = z.looseObject({
  containers: z.array(container).min(1),
  initContainers: z.array(container).default([]),
  securityContext: z.looseObject({}).optional(),
  hostNetwork: z.boolean().optional(),
  hostPID: z.boolean().optional(),
  hostIPC: z.boolean().optional(),
  automountServiceAccountToken: z.boolean().optional(),
  terminationGracePeriodSeconds: z.number().optional(),
  volumes: z
    .array(
      z.looseObject({
        name: z.string(),
        configMap: reference.optional(),
        hostPath: z.looseObject({ path: z.string() }).optional(),
        secret: z.looseObject({ secretName: z.string() }).optional(),
        projected: z
          .looseObject({
            sources: z.array(z.looseObject({ configMap: reference.optional(), secret: reference.optional() })),
          })
          .optional(),
      }),
    )
    .default([]),
});
const claim = z.looseObject({
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({
    accessModes: z.array(z.string()),
    resources: z.looseObject({ requests: amounts.optional() }).optional(),
  }),
});
const named = { apiVersion: z.string(), metadata: z.looseObject({ name: z.string(), labels: labels.optional() }) };
const workload = z.looseObject({
  ...named,
  kind: z.enum(['StatefulSet', 'Deployment']),
  spec: z.looseObject({
    replicas: z.number().default(1),
    podManagementPolicy: z.string().optional(),
    selector,
    template: z.looseObject({ metadata: z.looseObject({ labels: labels.default({}) }), spec: pod }),
    volumeClaimTemplates: z.array(claim).default([]),
  }),
});
const service = z.looseObject({
  ...named,
  kind: z.literal('Service'),
  spec: z.looseObject({
    type: z.string().optional(),
    selector: labels.default({}),
    ports: z.array(z.looseObject({ port: z.number(), targetPort: port.optional() })),
  }),
});
const configMap = z.looseObject({
  ...named,
  kind: z.literal('ConfigMap'),
  data: labels.default({}),
});
const budget = z.looseObject({
  ...named,
  kind: z.literal('PodDisruptionBudget'),
  spec: z.looseObject({
    selector,
    maxUnavailable: z.union([z.number(), z.string()]).optional(),
    minAvailable: z.union([z.number(), z.string()]).optional(),
  }),
});
const peers = z.array(z.looseObject({ podSelector: selector.optional(), namespaceSelector: selector.optional() }));
const policy = z.looseObject({
  ...named,
  kind: z.literal('NetworkPolicy'),
  spec: z.looseObject({
    podSelector: selector,
    policyTypes: z.array(z.string()).default([]),
    ingress: z.array(z.looseObject({ from: peers.default([]) })).default([]),
    egress: z.array(z.looseObject({ to: peers.default([]) })).default([]),
  }),
});

export type Selector = z.output<typeof selector>;
export type Container = z.output<typeof container>;
export type Workload = z.output<typeof workload>;

export interface Manifests {
  readonly workloads: readonly Workload[];
  readonly services: readonly z.output<typeof service>[];
  readonly configMaps: readonly z.output<typeof configMap>[];
  readonly budgets: readonly z.output<typeof budget>[];
  readonly policies: readonly z.output<typeof policy>[];
}

/** Every object of a YAML stream. @throws when it is no YAML */
export function parseObjects(text: string): unknown[] {
  return parseAllDocuments(text)
    .map((document) => {
      if (document.errors[0] !== undefined) throw document.errors[0];
      const object: unknown = document.toJS();
      return object;
    })
    .filter((object) => object !== null);
}

/** Of objects that their schemas allow. */
export function readManifests(objects: readonly unknown[]): Manifests {
  const of = <T>(schema: z.ZodType<T>): T[] =>
    objects.flatMap((object) => {
      const parsed = schema.safeParse(object);
      return parsed.success ? [parsed.data] : [];
    });
  return {
    workloads: of(workload),
    services: of(service),
    configMaps: of(configMap),
    budgets: of(budget),
    policies: of(policy),
  };
}

export const nameOf = ({ kind, metadata }: Pick<Workload, 'kind' | 'metadata'>): string => `${kind} ${metadata.name}`;

export const labelsOf = ({ spec }: Workload): Readonly<Record<string, string>> => spec.template.metadata.labels;

/** The one container of a workload's pods. */
export function containerOf({ spec }: Workload): Container {
  const [first] = spec.template.spec.containers;
  if (first === undefined) throw new Error('a pod has at least one container');
  return first;
}

const UNITS: Readonly<Record<string, number>> = { Ki: 1 / 1024, Mi: 1, Gi: 1024, k: 1 / 1024, m: 1, g: 1024 };

/** `1280Mi` of Kubernetes, `1280m` of compose, in MiB; NaN for another form. */
export function toMib(amount: string | number | undefined): number {
  const [, digits = '', unit = ''] = /^(\d+)([A-Za-z]+)$/.exec(String(amount)) ?? [];
  return Number.parseInt(digits, 10) * (UNITS[unit] ?? Number.NaN);
}

/** `250m`, `0.25`, `2` in cores; NaN for another form. */
export function toCores(amount: string | number | undefined): number {
  const [, digits = '', milli] = /^(\d+(?:\.\d+)?)(m?)$/.exec(String(amount)) ?? [];
  return Number.parseFloat(digits) / (milli === 'm' ? 1000 : 1);
}
