/**
 * The worker in which JSON Schemas of others are compiled and applied. Owns: the dialects, and keeping what was compiled.
 */
import { Ajv, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { serve } from '../../../worker-pool/serve.ts';

export interface SchemaQuestion {
  readonly schema: object;
  readonly value: unknown;
  /** What the value is called in a problem. */
  readonly name: string;
}

export interface SchemaVerdict {
  /** Null when the schema takes the value. */
  readonly problem: string | null;
}

/** Servers have up to a hundred tools each. */
const COMPILED_MAX = 256;

const compiled = new Map<string, ValidateFunction | null>();

function validatorFor(schema: object): ValidateFunction | null {
  const key = JSON.stringify(schema);
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const made = compile(schema);
  compiled.set(key, made);
  const [oldest] = compiled.keys();
  if (compiled.size > COMPILED_MAX && oldest !== undefined) compiled.delete(oldest);
  return made;
}

/** Null for a schema that cannot be compiled: then the server checks alone. */
function compile(schema: object): ValidateFunction | null {
  const options = { strict: false, validateFormats: false, logger: false } as const;
  const draft7 = '$schema' in schema && typeof schema.$schema === 'string' && /draft-0[4-7]/.test(schema.$schema);
  const { $schema: _dialect, ...rest } = { $schema: '', ...schema };
  try {
    return draft7 ? new Ajv(options).compile(rest) : new Ajv2020(options).compile(rest);
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}

function verdictOn({ schema, value, name }: SchemaQuestion): SchemaVerdict {
  const isValid = validatorFor(schema);
  if (isValid === null || isValid(value)) return { problem: null };
  return { problem: new Ajv().errorsText(isValid.errors, { dataVar: name, separator: '; ' }) };
}

serve<SchemaQuestion>({ prepare: ({ schema }) => void validatorFor(schema), run: verdictOn });
