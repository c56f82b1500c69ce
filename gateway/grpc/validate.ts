/**
 * Requests against the rules in the protocol (`buf.validate` in the .proto files). Owns: running them, and naming the
 * field. Does not own: rules that need the mesh (does this workflow exist); those are the core's.
 */
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { pathToString } from '@bufbuild/protobuf/reflect';
import type { Validator } from '@bufbuild/protovalidate';
import { MeshError } from '../../task-client/errors.ts';

/** The library compiles rules of a language of its own (CEL), which is a third of an idle gateway: loaded when needed. */
let validator: Promise<Validator> | null = null;

async function loadValidator(): Promise<Validator> {
  const { createValidator } = await import('@bufbuild/protovalidate');
  return createValidator();
}

/** @throws MeshError with every field that breaks a rule */
export async function checkRules<D extends DescMessage>(schema: D, message: MessageShape<D>): Promise<void> {
  validator ??= loadValidator();
  const result = (await validator).validate(schema, message);
  if (result.kind === 'valid') return;
  if (result.kind === 'error') throw result.error;
  const fields = result.violations.map((violation) => ({
    field: pathToString(violation.field) || 'request',
    description: violation.message,
  }));
  const [first] = fields;
  const more = fields.length > 1 ? ` (and ${fields.length - 1} more)` : '';
  const text = `${first?.field ?? 'request'}: ${first?.description ?? 'is not valid'}${more}`;
  throw new MeshError('invalid_argument', 'INVALID_FIELD', text, { fields });
}
