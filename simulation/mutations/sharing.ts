/**
 * Breakages of what several hosts of a service do with each other: shares, hand-overs, releases side by side. Owns: those
 * mutations.
 */
import type { Mutation } from './mutation.ts';

export const sharingMutations: readonly Mutation[] = [
  {
    name: 'keep-what-others-lack',
    breaks: 'S7: a host that comes is given nothing',
    file: 'actors/runtime/sharing.ts',
    find: 'return Math.max(0, Math.min(lacking, has - own * share));',
    replace: 'return Math.min(0, lacking - has);',
  },
  {
    name: 'count-who-waits',
    breaks: 'S7: a host that may take nothing for now is given partitions, which lie idle or are taken back',
    file: 'actors/runtime/sharing.ts',
    find: 'filter((one) => !one.standby && !one.waits);',
    replace: 'filter((one) => !one.standby);',
  },
  {
    name: 'count-the-silent',
    breaks: 'S7: the share of a host that is gone is left to it',
    file: 'actors/runtime/sharing.ts',
    find: 'if (atMs < sinceMs) heard.delete(host);',
    replace: 'if (atMs < sinceMs - 1e9) heard.delete(host);',
  },
  {
    name: 'go-without-a-word',
    breaks: 'S7: what a host lets go of when it stops is left until it counts as silent',
    file: 'actors/runtime/sharing.ts',
    find: 'if (told.leaves) heard.delete(told.host);\n    else heard.set',
    replace: 'if (!told.leaves) heard.set',
  },
  {
    name: 'give-to-the-older',
    breaks: 'S11: partitions are given to a host of the release before',
    file: 'actors/runtime/sharing.ts',
    find: 'others().filter((one) => knows(one.machines, machines));',
    replace: 'others();',
  },
  {
    name: 'take-as-an-older-one',
    breaks: 'S11: a host of the release before takes what is free',
    file: 'actors/runtime/sharing.ts',
    find: '      if (isOld()) return 0;\n',
    replace: '',
  },
  {
    name: 'share-as-a-standby',
    breaks: 'S7: a standby keeps partitions while another host is there',
    file: 'actors/runtime/sharing.ts',
    find: 'const own = standby ? 0 : 1;',
    replace: 'const own = 1;',
  },
  {
    name: 'stand-by-for-ever',
    breaks: 'S7: a standby takes nothing when the other host is gone',
    file: 'actors/runtime/sharing.ts',
    find: 'return standby && length > 0 ? 0 : shareOf(length + own);',
    replace: 'return standby ? 0 : shareOf(length + own);',
  },
  {
    name: 'give-what-is-at-work',
    breaks: 'S6: a hand-over cuts off an effect that may not be repeated',
    file: 'actors/runtime/hand-over.ts',
    find: 'filter(({ number }) => !effects.isAtWork(number));',
    replace: 'filter(({ number }) => number >= 0);',
  },
  {
    name: 'let-go-before-it-is-told',
    breaks: 'S4: a lease is free before both stores have the word that its host stops',
    file: 'actors/runtime/hand-over.ts',
    find: 'await waitFor((done) => journal.whenTold(partition, n, done));',
    replace: 'void n;',
  },
  {
    name: 'let-go-before-it-is-sent',
    breaks: 'S4: a lease is free before what its host has said is sent',
    file: 'actors/runtime/hand-over.ts',
    find: 'await waitFor((done) => sender.whenSent(partition, done));',
    replace: 'void sender;',
  },
  {
    name: 'go-on-with-what-is-given',
    breaks: 'S7: a host works on with a partition that it has given away',
    file: 'actors/runtime/hand-over.ts',
    find: '    partitions.lost([partition]);\n',
    replace: '',
  },
  {
    name: 'apply-what-is-leaving',
    breaks: 'S4: a partition that is being given to another host goes on meanwhile',
    file: 'actors/runtime/partitions.ts',
    find: 'get: (partition) => (leaving.has(partition) ? undefined : open.get(partition)),',
    replace: 'get: (partition) => open.get(partition),',
  },
  {
    name: 'wake-on-the-newest-machine',
    breaks: 'S11: a task that is read back from its snapshot goes on on another machine',
    file: 'actors/runtime/snapshot.ts',
    find: 'const version = role?.versions.find(({ since }) => since === frozen.machineSince);',
    replace: 'const version = role?.versions.at(-1);',
  },
  {
    name: 'fold-on-the-newest-machine',
    breaks: 'S11: a record is folded on another machine than it was written with',
    file: 'actors/runtime/step.ts',
    find: 'return role.versions.find(({ since }) => since === written) ?? null;',
    replace: 'return role.versions.at(-1) ?? null;',
  },
  {
    name: 'write-no-machine',
    breaks: 'S11: a record does not say on which machines actors began',
    file: 'actors/runtime/inputs.ts',
    find: 'Object.keys(began).length === 0 ? input : { ...input, began };',
    replace: 'Object.keys(began).length >= 0 ? input : { ...input, began };',
  },
  {
    name: 'pass-over-what-it-cannot-apply',
    breaks: 'S11: a host of the release before folds records that it cannot apply, and goes on without them',
    file: 'actors/runtime/fold.ts',
    find: "} else if (result.kind === 'rejected' && journal === 'whole') {",
    replace: "} else if (result.kind === 'rejected' && journal !== 'whole' && journal !== 'pruned') {",
  },
];
