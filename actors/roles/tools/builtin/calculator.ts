/**
 * Arithmetic. mathjs parses and computes; what may be computed is decided here by a list of allowed syntax, so no
 * expression can reach a function that reads the environment or changes the library. How long one computes nobody can
 * tell from its text (`cosh(1e9)`), so it is done by a worker (math-worker.ts), which is ended at a limit.
 */
import type { MathNode } from 'mathjs';
import { type AskOptions, createWorkerPool, WorkerError } from '../../../../worker-pool/worker-pool.ts';
import { math } from './math.ts';
import type { MathReply, MathRequest } from './math-worker.ts';
import { defineTool, type Tool, ToolError } from './port.ts';

const EXPRESSION_CHARS_MAX = 300;
/** A larger factorial is a number nobody reads, and takes long. */
const FACTORIAL_MAX = 1000;
/** Digits that are shown; the rest of the 64 guards against rounding. */
const DIGITS_SHOWN = 15;

const CONSTANTS: ReadonlySet<string> = new Set(['pi', 'e', 'tau', 'phi']);
const OPERATORS: ReadonlySet<string> = new Set(
  'add subtract multiply divide pow mod unaryMinus unaryPlus unaryPercentage percentage factorial'.split(' '),
);
const FUNCTIONS: ReadonlySet<string> = new Set(
  `abs sqrt cbrt square cube pow exp log log2 log10 round floor ceil fix sign min max sum mean median gcd lcm mod hypot
  sin cos tan asin acos atan atan2 sinh cosh tanh factorial`.split(/\s+/),
);

/** Nearly all take milliseconds; what takes longer lets others go first. */
const QUICK_MS = 200;
const COMPUTE_MS_MAX = 5000;
const HEAP_MB_MAX = 256;

const pool = createWorkerPool<MathRequest, MathReply>({
  script: new URL('./math-worker.ts', import.meta.url),
  ...{ workMsMax: COMPUTE_MS_MAX, quickMs: QUICK_MS, heapMbMax: HEAP_MB_MAX },
  // The library takes a tenth of a second to load, on a busy machine a second.
  standsBy: true,
  parse: readReply,
});

function readReply(value: unknown): MathReply {
  if (typeof value !== 'object' || value === null || !('text' in value) || !('refused' in value))
    throw new TypeError('A reply needs a text, and whether the expression was refused.');
  return { text: String(value.text), refused: value.refused === true };
}

/** The value of an expression as text. @throws ToolError that says what is not understood or takes too long */
export async function calculate(expression: string, options: AskOptions = {}): Promise<string> {
  try {
    const { text, refused: isRefused } = await pool.ask({ expression }, options);
    if (!isRefused) return text;
    throw new ToolError('tool_bad_arguments', text);
  } catch (error) {
    if (!(error instanceof WorkerError)) throw error;
    if (error.code === 'busy') throw new ToolError('tool_overloaded', error.message, { retryable: true, cause: error });
    const why =
      error.code === 'timeout'
        ? `it takes longer than ${COMPUTE_MS_MAX / 1000} s`
        : 'it takes more memory than there is';
    throw refused(why, error);
  }
}

/** Ends the computing workers, for an orderly shutdown; a later calculation starts them again. */
export function closeCalculator(): Promise<void> {
  return pool.close();
}

/** Computes here and now. Throws a ToolError that says what is not understood. */
export function evaluate(expression: string): string {
  if (expression.length > EXPRESSION_CHARS_MAX) {
    throw refused(`it is longer than ${EXPRESSION_CHARS_MAX} characters`);
  }
  const value = compute(allowed(expression));
  if (math().isBigNumber(value)) {
    if (!value.isFinite()) throw refused('it has no finite value');
    return value.isInteger() && value.abs().lt('1e63')
      ? value.toFixed()
      : math().format(value, { precision: DIGITS_SHOWN });
  }
  if (typeof value === 'number' && Number.isFinite(value)) return math().format(value, { precision: DIGITS_SHOWN });
  if (math().isComplex(value)) return math().format(value, { precision: DIGITS_SHOWN });
  throw refused('its value is not a number');
}

function allowed(expression: string): MathNode {
  const node = parsed(expression);
  node.traverse(assertAllowed);
  return node;
}

function parsed(expression: string): MathNode {
  try {
    return math().parse(expression);
  } catch (cause) {
    throw refused(cause instanceof Error ? cause.message : 'it cannot be read', cause);
  }
}

function compute(node: MathNode): unknown {
  try {
    return node.evaluate();
  } catch (cause) {
    throw refused(cause instanceof Error ? cause.message : 'it cannot be computed', cause);
  }
}

function refused(why: string, cause?: unknown): ToolError {
  return new ToolError('tool_bad_arguments', `The calculator cannot compute this: ${why}.`, { cause });
}

function assertAllowed(node: MathNode): void {
  if (math().isConstantNode(node)) {
    if (math().isBigNumber(node.value) || typeof node.value === 'number') return;
    throw refused('only numbers are allowed as values');
  }
  if (math().isParenthesisNode(node)) return;
  if (math().isSymbolNode(node)) {
    if (CONSTANTS.has(node.name) || FUNCTIONS.has(node.name)) return;
    throw refused(`${node.name} is not known`);
  }
  if (math().isOperatorNode(node) && OPERATORS.has(node.fn)) {
    if (node.fn === 'factorial') assertSmall(node.args[0]);
    return;
  }
  if (math().isFunctionNode(node) && math().isSymbolNode(node.fn) && FUNCTIONS.has(node.fn.name)) {
    if (node.fn.name === 'factorial') assertSmall(node.args[0]);
    return;
  }
  throw refused(`${node.toString().slice(0, 60)} is not arithmetic`);
}

function assertSmall(node: MathNode | undefined): void {
  const value = node !== undefined && math().isConstantNode(node) ? Number(node.value) : Number.NaN;
  if (!(value <= FACTORIAL_MAX)) throw refused(`a factorial is taken of numbers up to ${FACTORIAL_MAX} only`);
}

/** Words for operators, longest first. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/\bto the power of\b/gi, '^'],
  [/\bmultiplied by\b/gi, '*'],
  [/\bdivided by\b/gi, '/'],
  [/\bsquare root of\s+([\d.]+|\([^()]*\))/gi, 'sqrt($1)'],
  [/\bsquared\b/gi, '^2'],
  [/\bcubed\b/gi, '^3'],
  [/\bplus\b/gi, '+'],
  [/\bminus\b/gi, '-'],
  [/\btimes\b|×|·/gi, '*'],
  [/\bmodulo\b/gi, ' mod '],
  [/÷/g, '/'],
  [/([\d.]+)\s*(?:%|percent)\s+of\s+/gi, '$1/100*'],
  [/(\d)\s*percent\b/gi, '$1%'],
  // A comma between groups of three digits only separates them.
  [/(?<=\d),(?=\d{3}(?:\D|$))(?![^(]*\))/g, ''],
];
const ASKING =
  /^\s*(?:(?:please|can you|could you)\s+)?(?:(?:what(?:'s| is| are)|how much is|calculate|compute|evaluate|work out|solve|calc)\s*:?\s+)(?:the (?:value|result) of\s+)?/i;

/** The expression in a prompt such as "what is 12% of 50?"; null when there is none. */
function expressionIn(prompt: string): { expression: string; asked: boolean } | null {
  if (prompt.length > EXPRESSION_CHARS_MAX) return null;
  const asked = ASKING.test(prompt);
  let text = prompt
    .replace(ASKING, '')
    .replace(/\s*(?:=\s*\??|\?|\.|(?<![\d)])!)?\s*$/, '')
    .replace(/^the\s+/i, '');
  for (const [pattern, replacement] of WORDS) text = text.replace(pattern, replacement);
  if (!/\d|\b(?:pi|tau)\b/.test(text) || !/[-+*/^%!]|\b(?:mod|[a-z]+\d*)\s*\(|\bmod\b/i.test(text)) return null;
  // A date or a version is written with operators too.
  if (!asked && /^\s*\d+(?:[-/.]\d+)+\s*$/.test(text)) return null;
  return { expression: text.trim(), asked };
}

export function calculatorTool(): Tool {
  return defineTool<{ expression: string }>({
    name: 'calculator',
    description: 'Computes an arithmetic expression, such as 2 * (3 + 4) or sqrt(2), with up to 64 digits.',
    inputSchema: {
      type: 'object',
      properties: { expression: { type: 'string', minLength: 1, maxLength: EXPRESSION_CHARS_MAX } },
      required: ['expression'],
      additionalProperties: false,
    },
    fence: 'pure',
    // Waiting for a worker costs nothing; there callers and tasks take turns, and the quick ones come first.
    caps: { concurrencyMax: 24 },
    match(prompt) {
      const found = expressionIn(prompt);
      if (found === null || !isArithmetic(found.expression)) return null;
      return { arguments: { expression: found.expression }, score: found.asked ? 0.95 : 0.85 };
    },
    run: ({ expression }, { signal, waits, flow, idempotencyKey }) =>
      calculate(expression, { signal, waits, flow, task: idempotencyKey }),
  });
}

function isArithmetic(expression: string): boolean {
  try {
    allowed(expression);
    return true;
  } catch (error) {
    if (error instanceof ToolError) return false;
    throw error;
  }
}
