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
    find: 'const seq = await copyToLog(options, place, nHad, inLog?.seq ?? 0);',
    replace: 'const seq = inLog?.seq ?? 0;',
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
