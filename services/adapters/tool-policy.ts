/**
 * The policy of tools, from its file. Owns: which file it is, and that a changed one counts. Does not own: reading it
 * (`guards/rules-file.ts`), its form, or what it decides (actors/roles/tools/policy.ts).
 */
import { resolve } from 'node:path';
import { defaultPolicy, PolicyError, parsePolicy, type ToolPolicy } from '../../actors/roles/tools/policy.ts';
import { meshFolder, type Settings } from '../../config/settings.ts';
import { messageOf, openRules } from '../../guards/rules-file.ts';

interface PolicyLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface OpenPolicy extends ToolPolicy {
  /** Why the file as it is now does not count; null when it does. */
  problem(): string | null;
}

/**
 * The policy of tools as its file is at each decision; a file that cannot be read at the start is no policy, and nothing runs
 * without one.
 * @throws PolicyError
 */
export function openPolicy({ TOOLS_POLICY: named }: Pick<Settings, 'TOOLS_POLICY'>, log: PolicyLog): OpenPolicy {
  if (named === undefined) return { ...defaultPolicy, problem: () => null };
  let problem: string | null = null;
  const file = opened(named, {
    onChange: () => {
      problem = null;
      log.info({}, 'the policy of tools has changed and counts from now on');
    },
    onRefused: (why) => {
      problem = `TOOLS_POLICY=${named}: ${why}; what it said before still counts`;
      log.error({ problem }, 'the policy of tools cannot be used');
    },
  });
  return {
    decide: (tool, share) => file.current().decide(tool, share),
    unknown: (names) => file.current().unknown(names),
    problem: () => {
      file.current();
      return problem;
    },
  };
}

function opened(named: string, told: { onChange: () => void; onRefused: (why: string) => void }) {
  const path = resolve(meshFolder(), named);
  try {
    return openRules({ ...told, path, danger: 'allow themselves every tool', parse: parsePolicy });
  } catch (error) {
    throw new PolicyError(`TOOLS_POLICY=${named}: ${messageOf(error)}`, { cause: error });
  }
}
