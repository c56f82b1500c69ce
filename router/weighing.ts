/**
 * Checks what engines and decisions look like, by JSON Schema. Owns: the check. Does not own: what is done when it fails
 * (`router.ts`). An engine may sit behind a wire or be a language model: its answer is input from outside.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { validateData } from '../schemas/events/envelope.ts';
import type { Decision, Weighing } from './port.ts';
import { RouteEngineError } from './port.ts';

let validator: ValidateFunction<Weighing> | null = null;

/** Compiled at its first use; that the schema is one is checked by a test. */
function weighingValidator(): ValidateFunction<Weighing> {
  const schema = JSON.parse(readFileSync(join(import.meta.dirname, 'weighing.schema.json'), 'utf8')) as object;
  return new Ajv2020({ strict: true, validateSchema: false }).compile<Weighing>(schema);
}

/** Sums of rounded numbers, and of floats that crossed a wire, are not exactly one. */
const SUM_TOLERANCE = 0.02;

/** @throws RouteEngineError `invalid_answer` */
export function checkedWeighing(value: unknown): Weighing {
  validator ??= weighingValidator();
  const validate = validator;
  if (!validate(value)) {
    const [error] = validate.errors ?? [];
    throw new RouteEngineError(
      'invalid_answer',
      `its answer${error?.instancePath ?? ''} ${error?.message ?? ''}`.trim(),
    );
  }
  const sum = Object.values(value.probabilities).reduce((total, one) => total + one, 0);
  if (Math.abs(sum - 1) > SUM_TOLERANCE)
    throw new RouteEngineError('invalid_answer', `its probabilities sum to ${sum.toFixed(3)}`);
  return value;
}

/** The decision as the fact `task.routed` allows it. @throws TypeError: a fault of this program */
export function checkedDecision(decision: Decision): Decision {
  const checked = validateData('task.routed', { route: decision, steps: [] });
  if (!checked.ok) throw new TypeError(`a decision that its schema does not allow: ${checked.rejection.reason}`);
  return decision;
}
