/**
 * The policy of tools, from its file. Owns: reading it. Does not own: its form, or what it decides (actors/roles/tools/policy.ts).
 */
import { readFileSync } from 'node:fs';
import { defaultPolicy, PolicyError, parsePolicy, type ToolPolicy } from '../../actors/roles/tools/policy.ts';
import type { Settings } from '../../config/settings.ts';

/**
 * The policy of tools; a file that cannot be read is no policy, and nothing runs without one.
 * @throws PolicyError
 */
export function openPolicy({ TOOLS_POLICY: path }: Pick<Settings, 'TOOLS_POLICY'>): ToolPolicy {
  if (path === undefined) return defaultPolicy;
  try {
    return parsePolicy(readFileSync(path, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new PolicyError(`TOOLS_POLICY=${path}: ${why}`, { cause: error });
  }
}
