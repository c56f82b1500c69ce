/** Packs and carries. */
import { type SimulatedEffects, simulated } from '../../../actors/roles/simulated.ts';
import type { Parcel, Receipt } from './machine.ts';

export const simulation: SimulatedEffects = {
  pack: simulated<{ prompt: string }, Parcel>((_input, dice) => ({ label: `parcel ${dice.int(0, 1_000_000)}` })),
  carry: simulated<Parcel, Receipt>(({ label }, dice) => ({ receipt: `${label} ${dice.int(0, 1_000_000)}` })),
};
