/**
 * How every pod of the mesh is held. Owns: those rules ("restricted", and what that profile leaves open). Does not own: the
 * other rules (`rules.ts`).
 */
import { type Container, type Manifests, nameOf, type Workload } from './manifest.ts';

function containerProblems(where: string, { name, image, securityContext = {} }: Container): string[] {
  const context = JSON.stringify(securityContext);
  const problems = ['"allowPrivilegeEscalation":false', '"readOnlyRootFilesystem":true', '"drop":["ALL"]']
    .filter((wanted) => !context.includes(wanted))
    .map((wanted) => `${where}: container ${name} lacks ${wanted.replaceAll('"', '')}`);
  if (context.includes('"privileged":true'))
    problems.push(`${where}: container ${name} is privileged: it would have the whole node`);
  const added = /"add":\[([^\]]+)\]/.exec(context)?.[1];
  if (added !== undefined)
    problems.push(`${where}: container ${name} is given the capabilities ${added}; it needs none`);
  if (!/@sha256:[0-9a-f]{64}$|:\d+\.\d+\.\d+[\w.-]*$/.test(image))
    problems.push(`${where}: the image ${image} needs a version or a digest, or two nodes run two versions`);
  return problems;
}

export function securityProblems({ workloads }: Manifests): string[] {
  return workloads.flatMap((workload) => {
    const pod = workload.spec.template.spec;
    const where = nameOf(workload);
    const problems: string[] = [];
    const all = [...pod.initContainers, ...pod.containers];
    const contexts = [pod, ...all].map(({ securityContext }) => JSON.stringify(securityContext ?? {}));
    if (!contexts[0]?.includes('"runAsNonRoot":true') || !contexts[0].includes('"RuntimeDefault"'))
      problems.push(`${where}: its pod has to run as no root (runAsNonRoot) with the seccomp profile RuntimeDefault`);
    if (contexts.some((context) => context.includes('"runAsUser":0')))
      problems.push(`${where}: runAsUser is 0, which is root; leave it 10001, the user of the images`);
    for (const one of all) problems.push(...containerProblems(where, one));
    if (pod.automountServiceAccountToken !== false)
      problems.push(`${where}: it asks Kubernetes nothing; set automountServiceAccountToken: false`);
    return problems;
  });
}

/** What a pod shares with its node, and by which name a host is known. */
export function hostProblems({ workloads }: Manifests): string[] {
  return workloads.flatMap((workload) => [...nodeProblems(workload), ...nameProblems(workload)]);
}

function nodeProblems(workload: Workload): string[] {
  const { hostNetwork, hostPID, hostIPC, volumes } = workload.spec.template.spec;
  const where = nameOf(workload);
  const shared = Object.entries({ hostNetwork, hostPID, hostIPC }).filter(([, isShared]) => isShared === true);
  return [
    ...shared.map(([name]) => `${where}: ${name} lets it out of its pod, past every NetworkPolicy; take it out`),
    ...volumes.flatMap(({ name, hostPath }) =>
      hostPath === undefined
        ? []
        : [
            `${where}: the volume ${name} is the folder ${hostPath.path} of a node; take a claim, or an image of your own`,
          ],
    ),
  ];
}

function nameProblems(workload: Workload): string[] {
  const named = workload.spec.template.spec.containers[0]?.env.find(({ name }) => name === 'MESH_HOST_ID');
  return named === undefined || named.valueFrom?.fieldRef?.fieldPath === 'metadata.name'
    ? []
    : [
        `${nameOf(workload)}: MESH_HOST_ID has to be the name of the pod (metadata.name): two hosts of one name fence each other`,
      ];
}
