/** The metadata of the courier's effects; outside a simulation there is nothing to run. */
import { EffectError } from '../../../actors/runtime/errors.ts';
import { type EffectHandlers, effect } from '../../../actors/runtime/role.ts';
import type { Parcel, Receipt } from './machine.ts';

export function createEffects(): EffectHandlers {
  const nowhere = () => Promise.reject(new EffectError('simulated_only', 'the courier works in simulations only'));
  return {
    pack: effect<{ prompt: string }, Parcel>(
      { fence: 'keyed', timeoutMs: 3000, heartbeatMs: 1500, concurrencyMax: 1 },
      nowhere,
    ),
    carry: effect<Parcel, Receipt>({ fence: 'once', timeoutMs: 5000 }, nowhere),
  };
}
