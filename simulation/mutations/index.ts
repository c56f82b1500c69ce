/**
 * Deliberate breakages of the runtime, each of one promise. Owns: the list. Does not own: the mutations themselves, which
 * stand by what they break, or applying them (`mutate.ts`). A simulation that lets one of these pass does not test what it
 * says.
 */
import { effectMutations } from './effects.ts';
import { journalMutations } from './journal.ts';
import { meaningMutations } from './meaning.ts';
import { sendingMutations } from './sending.ts';
import { sharingMutations } from './sharing.ts';
import { storeMutations } from './stores.ts';

export { type Mutation, mutated } from './mutation.ts';

export const mutations = [
  ...meaningMutations,
  ...journalMutations,
  ...sendingMutations,
  ...effectMutations,
  ...storeMutations,
  ...sharingMutations,
];
