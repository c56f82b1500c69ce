/**
 * Breakages of what is done after the loss of a store. Owns: those mutations.
 */
import type { Mutation } from './mutation.ts';

export const storeMutations: readonly Mutation[] = [
  {
    name: 'send-nothing-again',
    breaks: 'S10: what a log has lost is not sent again',
    file: 'actors/runtime/fold.ts',
    find: 'messages: messages.filter(isWanted).map(logLost ? marked : asIs) }));',
    replace: 'messages: messages.filter((message) => !isWanted(message)).map(logLost ? marked : asIs) }));',
  },
  {
    name: 'trust-the-log',
    breaks: 'S10: a log that has lost something is taken to have it all',
    file: 'actors/runtime/partitions.ts',
    find: 'const everything = options.logLost() || end.logLacked;',
    replace: 'const everything = options.logLost() && end.logLacked && end.n < 0;',
  },
  {
    name: 'read-on-in-a-cut-log',
    breaks: 'S10: what came to a log after it was cut is passed over',
    file: 'actors/runtime/partitions.ts',
    find: 'if (head === null || everything || head.log !== witness.stream.identity) return new Map();',
    replace: 'if (head === null || head.log !== witness.stream.identity) return new Map();',
  },
  {
    name: 'ask-the-answered-again',
    breaks: 'J5: a request that was answered is made again after the log was lost',
    file: 'actors/runtime/fold.ts',
    find: '(!unwanted.has(message) && (replies.has(message) || !now.hasEnded(message.task)));',
    replace: 'open.size >= 0;',
  },
  {
    name: 'ask-again-as-if-new',
    breaks: 'J5: who is asked again is not told that it is again',
    file: 'actors/runtime/fold.ts',
    find: '{ ...message, headers: { ...message.headers, [AGAIN_HEADER]: ',
    replace: '{ ...message, headers: { ...message.headers, unmarked: ',
  },
  {
    name: 'open-what-another-has-more-of',
    breaks: 'S10: in a log that was made anew a partition is opened by who has less of it',
    file: 'actors/runtime/host.ts',
    find: 'mayClaim: (partition) => succession.mayClaim(partition),',
    replace: 'mayClaim: () => true,',
  },
  {
    name: 'open-twice-at-once',
    breaks:
      'J3: a partition that is lost and gained again is opened while its first opening still writes into the ledger',
    file: 'actors/runtime/partitions.ts',
    find: 'before.then(() => openWhile(partition, () => wanted.get(partition) === mine && !stopped));',
    replace: 'openWhile(partition, () => before && wanted.get(partition) === mine && !stopped);',
  },
  {
    name: 'claim-no-more-than-the-share',
    breaks: 'S10: in a log that was made anew a partition is left to a host that has nothing of it',
    file: 'actors/runtime/host.ts',
    find: 'mustClaim: (partition) => succession.mustClaim(partition),',
    replace: 'mustClaim: () => false,',
  },
  {
    name: 'wait-for-nobody',
    breaks: 'S10: who finds the log made anew opens it without the others',
    file: 'actors/runtime/succession.ts',
    find: '      await waitForOthers();\n',
    replace: '',
  },
  {
    name: 'answer-and-take',
    breaks: 'S10: who is asked what it has takes what the one who asks has more of',
    file: 'actors/runtime/succession.ts',
    find: '    mine = ownEnds();\n    leaveForAWhile();\n',
    replace: '    mine = ownEnds();\n',
  },
  {
    name: 'count-what-the-log-never-had',
    breaks: 'J3: of two ledgers the one counts as further that has records which the log refused',
    file: 'actors/runtime/succession.ts',
    find: 'return other.logged > own.logged || (other.logged === own.logged && other.last > own.last);',
    replace: 'return other.last > own.last;',
  },
  {
    name: 'forget-the-log-of-a-standby',
    breaks: 'S10: a host without records does not see that the log was made anew',
    file: 'actors/runtime/host.ts',
    find: 'await judge({ ledger, witness, sender, log }, succession.memory);',
    replace: 'await judge({ ledger, witness, sender, log }, null);',
  },
  {
    name: 'take-over-at-the-checkpoint',
    breaks: 'J3: what the log had before its checkpoint is not copied, and cannot be given back to it',
    file: 'actors/runtime/recovery.ts',
    find: 'const isWhole = first === after + 1 && base !== null && base.n <= upTo;',
    replace: 'const isWhole = first === after + 1 && base !== null && base.n < 0;',
  },
  {
    name: 'take-over-whatever-is-cut-off',
    breaks: 'S10: a log that was being given what it had lost counts as whole',
    file: 'actors/runtime/recovery.ts',
    find: 'const wasCutOff = logHead !== null && (',
    replace: 'const wasCutOff = logHead === null && (',
  },
  {
    name: 'keep-what-the-log-refused',
    breaks: 'J3: the ledger keeps records that the log has otherwise',
    file: 'actors/runtime/recovery.ts',
    find: 'if (fork !== null) {',
    replace: 'if (fork !== null && fork < 0) {',
  },
  {
    name: 'restore-no-log',
    breaks: 'J3: records that the log lacks are not copied to it',
    file: 'actors/runtime/recovery.ts',
    find: 'const seq = await copyToLog(options, place, nHad, endSeq);',
    replace: 'const seq = endSeq;',
  },
  {
    name: 'restore-no-ledger',
    breaks: 'J3: records that the ledger lacks are not copied to it',
    file: 'actors/runtime/recovery.ts',
    find: 'const n = await copyToLedger(options, place, nLedger, nLog);',
    replace: 'const n = nLog;',
  },
  {
    name: 'be-certain-of-any-log',
    breaks: 'S10: a host that was connected reads on in a log that was made anew or cut',
    file: 'actors/runtime/witness.ts',
    find: '    if (stream === null) return;\n    if (connected) {',
    replace: '    if (stream !== null) return;\n    if (connected) {',
  },
];
