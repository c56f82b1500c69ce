/**
 * What a role's `simulation.ts` exports: stand-ins for its effects, used when the whole mesh runs in simulated time.
 * Owns: their form. Does not own: running them, failing them, or counting what they did; the simulation does that
 * around them, for every effect of every role.
 */
import type { Asked, Made } from '../../prompting/skill.ts';
import type { Workflow } from '../workflows/index.ts';

/** Seeded randomness: the same seed makes the same outputs. */
export interface Dice {
  /** A whole number, both ends included. */
  int(min: number, max: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
}

/** A stand-in for what a model writes for a skill, another text each time, as a model does. */
export type SimulatedSkill = (asked: Asked, dice: Dice) => Made;

/** By the name of the skill. */
export type SimulatedSkills = Readonly<Record<string, SimulatedSkill>>;

export interface SimulatedPorts {
  readonly workflows: ReadonlyMap<string, Workflow>;
  /** Of all roles of the mesh. */
  readonly skills: SimulatedSkills;
}

/** Makes a plausible output. Two calls may differ, as two runs of the real effect may. @throws EffectError */
export type SimulatedEffect = (input: unknown, dice: Dice, ports: SimulatedPorts) => unknown;

export type SimulatedEffects = Readonly<Record<string, SimulatedEffect>>;

/** What the `simulation.ts` of a role exports: `simulation`, and `skills` where the role brings any. */
export interface RoleSimulation {
  readonly effects: SimulatedEffects;
  readonly skills: SimulatedSkills;
}

/** A stand-in with the types of the machine's `effectLogic<I, O>`. */
export function simulated<I, O>(make: (input: I, dice: Dice, ports: SimulatedPorts) => O): SimulatedEffect {
  // The input was made by the machine whose effectLogic<I, O>() this is.
  return (input, dice, ports) => make(input as I, dice, ports);
}
