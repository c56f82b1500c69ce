/**
 * Artifacts of a role's own kind. Owns: declaring a kind with its schema and how it is shown, making one, and reading one that
 * an earlier hop made. Does not own: carrying it (the orchestrator does, whatever the kind), or a door to the mesh: each
 * shows the text, and gives the data to whoever reads that.
 */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { HopInput, HopOutput } from '../../schemas/events/generated.ts';
import { EffectError } from '../runtime/errors.ts';

const KIND = /^[a-z][a-z0-9-]{0,31}$/;
/** Names of what every mesh makes. */
const TAKEN: ReadonlySet<string> = new Set(['answer', 'code', 'review', 'passages', 'tool', 'attachments']);
/** Limit of schemas/events/data/common.v1.json. */
const TEXT_CHARS_MAX = 100_000;

export interface ArtifactKind<T extends Record<string, unknown>> {
  /** Lower-case word, unique in the mesh. */
  readonly kind: string;
  /** The output that holds one. @throws EffectError `bad_artifact` when the schema does not take it */
  made(data: T): Pick<HopOutput, 'artifacts'>;
  /** The one that an earlier hop made; null when none did. @throws EffectError `bad_artifact` when it is of another form */
  given(input: HopInput): T | null;
}

export interface ArtifactOptions<T extends Record<string, unknown>> {
  readonly kind: string;
  /** JSON Schema of its data, an object. */
  readonly schema: object;
  /** How it is shown to people, in Markdown: on the command line, by A2A, on the dashboard. Pure. */
  text(data: T): string;
}

/** @throws TypeError for a name that is none, or is taken, and for a schema that is none */
export function defineArtifact<T extends Record<string, unknown>>({
  kind,
  schema,
  text,
}: ArtifactOptions<T>): ArtifactKind<T> {
  if (!KIND.test(kind)) throw new TypeError(`a kind of artifact is a lower-case word, and not ${kind}`);
  if (TAKEN.has(kind)) throw new TypeError(`an artifact cannot be called ${kind}: every mesh has that`);
  const isValid: ValidateFunction<T> = ajv.compile<T>(schema);
  const checked = (data: unknown): T => {
    if (isValid(data)) return data;
    const problems = ajv.errorsText(isValid.errors, { dataVar: kind, separator: '; ' });
    throw new EffectError('bad_artifact', `This is no ${kind}: ${problems}.`, { retryable: false });
  };
  return {
    kind,
    made(data) {
      const valid = checked(data);
      return { artifacts: { [kind]: { data: { ...valid }, text: text(valid).slice(0, TEXT_CHARS_MAX) } } };
    },
    given({ artifacts = {} }) {
      const one = artifacts[kind];
      return one === undefined ? null : checked(one.data);
    },
  };
}

const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, strict: false, validateFormats: false });
