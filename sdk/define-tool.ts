/**
 * A tool of a user's own. Owns: what its author says of it, and checking that. Does not own: running it; the tools role
 * fences, bounds and chooses it as it does the shipped ones.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type {
  Fence,
  Tool,
  ToolAnswer,
  ToolArguments,
  ToolCaps,
  ToolContext,
  ToolMatch,
} from '../actors/roles/tools/builtin/port.ts';
import { ToolError } from '../actors/roles/tools/builtin/port.ts';
import { matchByName } from '../actors/roles/tools/match-by-name.ts';
import { DefinitionError } from './define-role.ts';

const NAME = /^[a-z][a-z0-9_]{0,63}$/;
const FENCES: readonly Fence[] = ['pure', 'keyed', 'once'];

export interface ToolOptions<Args> {
  /** Lower-case letters, digits and underscores; callers write `tool:<name> {…}`. */
  readonly name: string;
  /** What it does, in a sentence: people read it, and a model that chooses. */
  readonly description: string;
  /** JSON Schema of its arguments; they are checked before it runs. */
  readonly input: object;
  /** What a repeated call does: `pure` nothing, `keyed` nothing more under the same key, `once` the deed again. */
  readonly fence: Fence;
  /** Limits of its own: time, calls at once, calls that wait. */
  readonly caps?: Partial<ToolCaps>;
  /** Reads a call out of plain words; absent, it is meant when a prompt names it (`use weather for Bern`). */
  match?(prompt: string): ToolMatch | null;
  /** Throw a ToolError to say what happened; any other error counts as passing and is tried again. */
  run(args: Args, context: ToolContext): Promise<string | ToolAnswer> | string | ToolAnswer;
}

/** @throws DefinitionError */
export function defineTool<Args = ToolArguments>(options: ToolOptions<Args>): Tool {
  const { name, description, input, fence, caps } = options;
  if (!NAME.test(name))
    throw new DefinitionError(`a tool's name is lower-case letters, digits and underscores, and not ${name}`);
  if (!FENCES.includes(fence)) throw new DefinitionError(`tool ${name}: fence is one of ${FENCES.join(', ')}`);
  const isValid = compiled(name, input);
  /** @throws ToolError */
  const checked = (args: unknown): Args => {
    // What the schema accepts is what the author calls Args: the types meet here and nowhere else.
    if (isValid(args)) return args as Args;
    const problems = ajv.errorsText(isValid.errors, { dataVar: 'arguments', separator: '; ' });
    throw new ToolError('tool_bad_arguments', `The tool ${name} cannot be called like this: ${problems}.`);
  };
  const byName = (prompt: string): Promise<ToolMatch | null> =>
    matchByName(prompt, { name, schema: input, accepts: async (args) => isValid(args) === true });
  return {
    ...{ name, description, inputSchema: input, fence },
    ...(caps === undefined ? {} : { caps }),
    match: (prompt) => (options.match === undefined ? byName(prompt) : options.match(prompt)),
    async checkArguments(args) {
      checked(args);
    },
    async run(args, context) {
      const valid = checked(args);
      context.signal.throwIfAborted();
      return answered(await options.run(valid, context));
    },
  };
}

/** Code of a user's own may return anything. @throws ToolError */
function answered(answer: unknown): string | ToolAnswer {
  if (typeof answer === 'string' || isAnswer(answer)) return answer;
  const what = answer === undefined ? 'nothing' : `${answer === null ? 'null' : typeof answer}`;
  throw new ToolError('tool_failed', `its run returned ${what}, and has to return text, or { text, attachments }`);
}

function isAnswer(value: unknown): value is ToolAnswer {
  if (typeof value !== 'object' || value === null || !('text' in value) || !('attachments' in value)) return false;
  return typeof value.text === 'string' && Array.isArray(value.attachments);
}

const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, strict: false, validateFormats: false });

function compiled(name: string, input: object) {
  try {
    return ajv.compile(input);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new DefinitionError(`tool ${name}: its input is no JSON Schema: ${why}`, { cause: error });
  }
}
