/**
 * An effect that is to be run, as its host keeps it. Owns: the form. Does not own: what is done with it (`effects.ts`).
 */

import type { EffectHandler, Role } from '../role.ts';
import type { Attempt } from './attempt.ts';
import type { Share } from './fair-queue.ts';

/** The actor whose effect it is. */
export interface EffectOwner {
  readonly partition: number;
  readonly task: string;
  readonly role: Role;
}

export interface EffectJob {
  readonly owner: EffectOwner;
  /** Of its queue: of the role and the effect. */
  readonly role: string;
  readonly src: string;
  readonly key: string;
  readonly effect: string;
  readonly armedVersion: number;
  readonly handler: EffectHandler;
  readonly share: Share;
  attempt?: Attempt;
  cancelWait?: () => void;
  ended: boolean;
  /** Its beginning was said, and it has not run. */
  announced: boolean;
  /** The ledger knows that it runs. */
  marked: boolean;
  wantedAtMs: number;
  refusals: number;
  /** It was found when its partition was opened. */
  readonly pending: boolean;
  /** Ends what is to happen if it goes on waiting; absent while it does not wait. */
  stopWaiting?: (() => void) | undefined;
}
