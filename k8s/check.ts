/**
 * Says what is wrong with a rendered overlay: `kubectl kustomize k8s/overlays/local | node k8s/check.ts`. Owns: the
 * command; exit code 1 when there is something. Does not own: the rules.
 */
import { text } from 'node:stream/consumers';
import { parseObjects, readManifests } from './manifest.ts';
import { ruleProblems } from './rules.ts';
import { schemaProblems } from './schema.ts';

/** Sentences; none when all is well. What Kubernetes would refuse is said alone: the rules read valid objects. */
export function problemsOf(yaml: string): string[] {
  const objects = parseObjects(yaml);
  if (objects.length === 0) return ['nothing was rendered: give the output of `kubectl kustomize` on standard input'];
  const refused = objects.flatMap(schemaProblems);
  return refused.length > 0 ? refused : ruleProblems(readManifests(objects));
}

if (import.meta.main) {
  const problems = problemsOf(await text(process.stdin));
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
