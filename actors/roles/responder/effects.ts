/**
 * None: this role asks the llm role through the log, and does nothing outside of it.
 */
import type { EffectHandlers } from '../../runtime/role.ts';

export function createEffects(): EffectHandlers {
  return {};
}
