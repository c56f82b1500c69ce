/**
 * Whether objects are ones that Kubernetes takes. Owns: checking them against its published schemas, and the sentence.
 * Does not own: the schemas (schemas/published), or what the mesh asks beyond them (`rules.ts`).
 */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { z } from 'zod';
import published from '../schemas/published/kubernetes-1.37.json' with { type: 'json' };

const someObject = z.looseObject({ kind: z.string(), metadata: z.looseObject({ name: z.string() }) });
const kinds: Readonly<Record<string, object>> = published.kinds;
const compiled = new Map<string, ValidateFunction>();

function validatorOf(kind: string): ValidateFunction | null {
  const schema = kinds[kind];
  if (schema === undefined) return null;
  const known = compiled.get(kind);
  if (known !== undefined) return known;
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const validate = ajv.compile({ ...schema, $defs: published.$defs });
  compiled.set(kind, validate);
  return validate;
}

function sentence({ instancePath, message, params }: ErrorObject): string {
  const path = instancePath.slice(1).replaceAll('/', '.') || 'it';
  const detail = typeof params.additionalProperty === 'string' ? `: ${params.additionalProperty}` : '';
  return `${path} ${message}${detail}`;
}

/** One sentence for each thing that Kubernetes would refuse. */
export function schemaProblems(object: unknown): string[] {
  const parsed = someObject.safeParse(object);
  if (!parsed.success) return ['an object has no kind or no metadata.name'];
  const { kind, metadata } = parsed.data;
  const validate = validatorOf(kind);
  if (validate === null)
    return [`${kind} ${metadata.name}: no schema of this kind is in schemas/published; add it, or take the object out`];
  if (validate(object)) return [];
  return (validate.errors ?? []).map((error) => `${kind} ${metadata.name}: ${sentence(error)}`);
}
