/**
 * The worker that computes. Owns: that nothing of one expression stays behind for the next. Does not own: what may be
 * computed (calculator.ts).
 */
import { serve } from '../../../../worker-pool/serve.ts';
import { evaluate } from './calculator.ts';
import { math, withSettings } from './math.ts';
import { ToolError } from './port.ts';

export interface MathRequest {
  readonly expression: string;
}

export interface MathReply {
  /** The value, or why there is none. */
  readonly text: string;
  readonly refused: boolean;
}

function compute({ expression }: MathRequest): MathReply {
  try {
    return { text: withSettings(() => evaluate(expression)), refused: false };
  } catch (error) {
    if (error instanceof ToolError) return { text: error.message, refused: true };
    throw error;
  }
}

/**
 * At its start, so that one that stands by is ready: the library makes most of itself at the first expression, which takes
 * longer than a quick turn, and the request that it came with would be put behind everybody for it.
 */
const WARM = 'round(cos(2^0.5) * sqrt(3) / gcd(12, 18) - 10%, 2)';
math();
compute({ expression: WARM });
serve<MathRequest>({ run: compute });
