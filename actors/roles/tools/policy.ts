/**
 * Which tools may run, for whom, by which door, and which ask a person first. Owns: the form of the policy's file, and the
 * decision: a pure function. Does not own: reading the file (services/adapters), asking (the orchestrator), or who a caller
 * is and by which door a task came (what the task's submission says).
 *
 * The first rule that fits decides. Where none does:
 *   1. a tool that changes nothing outside runs;
 *   2. what was asked for at the command line of this machine runs: its owner asked for it;
 *   3. everything else asks a person.
 */
import { z } from 'zod';
import type { Door, Share } from '../../../schemas/events/generated.ts';
import { readWrittenJson, WrittenJsonError } from '../../../schemas/written-json.ts';
import type { Fence } from './builtin/port.ts';

/** `ask`: when a person says yes, and then for those arguments alone. */
export type Decision = 'allow' | 'ask' | 'deny';

export interface ToolPolicy {
  /** @param share whose work it is; absent for a task of before there was a policy, which keeps what it was promised */
  decide(tool: { readonly name: string; readonly fence: Fence }, share: Share | undefined): Decision;
  /** Names of tools in its rules that mean none of these: a slip there denies nothing. */
  unknown(names: readonly string[]): readonly string[];
}

/** A task that was written on the log itself says no door. */
const doors = ['cli', 'mcp', 'grpc', 'a2a', 'dapr', 'log'] as const satisfies readonly (Door | 'log')[];

const names = z.array(z.string().min(1).max(200)).min(1).max(1000);
const ruleForm = z.strictObject({
  /** Of callers; `*` stands for any characters, as in the next ones. Everybody when absent. */
  callers: names.optional(),
  doors: z.array(z.enum(doors)).min(1).optional(),
  tools: names.optional(),
  decision: z.enum(['allow', 'ask', 'deny']),
});
const policyForm = z.strictObject({ rules: z.array(ruleForm).max(1000) });

type Rule = z.output<typeof ruleForm>;

/** The file of the policy cannot be used; the message is one line. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  /** Of the process that cannot start because of it: configuration. */
  readonly exitCode = 2;
}

/** @throws PolicyError */
export function parsePolicy(text: string): ToolPolicy {
  const parsed = policyForm.safeParse(written(text));
  if (parsed.success) return policyOf(parsed.data.rules);
  const [issue] = parsed.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? 'the file' : issue.path.join('.');
  throw new PolicyError(`${where}: ${issue?.message ?? 'is not valid'}`);
}

function written(text: string): unknown {
  try {
    return readWrittenJson(text);
  } catch (error) {
    if (error instanceof WrittenJsonError) throw new PolicyError(error.message);
    throw error;
  }
}

/** Without a file. */
export const defaultPolicy: ToolPolicy = policyOf([]);

function policyOf(rules: readonly Rule[]): ToolPolicy {
  const compiled = rules.map(({ callers, doors: by, tools, decision }) => ({
    decision,
    isOf: matcher(callers),
    isBy: (door: string) => by === undefined || by.some((one) => one === door),
    isFor: matcher(tools),
  }));
  const named = [...new Set(rules.flatMap(({ tools = [] }) => tools))].map((name) => ({ name, fits: matcher([name]) }));
  return {
    decide({ name, fence }, share) {
      if (share === undefined) return 'allow';
      const { caller, door = 'log' } = share;
      const rule = compiled.find(({ isOf, isBy, isFor }) => isOf(caller) && isBy(door) && isFor(name));
      if (rule !== undefined) return rule.decision;
      return fence === 'pure' || door === 'cli' ? 'allow' : 'ask';
    },
    unknown: (names) => named.filter(({ fits }) => !names.some(fits)).map(({ name }) => name),
  };
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.|?*+()[\]{}/-]/g, '\\$&');
}

function matcher(patterns: readonly string[] | undefined): (text: string) => boolean {
  if (patterns === undefined) return () => true;
  const sources = patterns.map((one) => one.split('*').map(escaped).join('.*'));
  const whole = new RegExp(`^(?:${sources.join('|')})$`, 's');
  return (text) => whole.test(text);
}
