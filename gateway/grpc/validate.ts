/**
 * Requests against the rules in the protocol (`buf.validate` in the .proto files). Owns: running them, and naming the
 * field. Does not own: rules that need the mesh (does this workflow exist); those are the core's.
 */
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { pathToString } from '@bufbuild/protobuf/reflect';
import { createValidator } from '@bufbuild/protovalidate';
import { MeshError } from '../core/errors.ts';

const validator = createValidator();

/** @throws MeshError with every field that breaks a rule */
export function checkRules<D extends DescMessage>(schema: D, message: MessageShape<D>): void {
  const result = validator.validate(schema, message);
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
