/**
 * Finds passages for a prompt. Owns: when to search. Does not own: searching.
 *
 *   idle → searching → idle
 */
import { assign, emit, setup } from 'xstate';
import type { Passage } from '../../../schemas/events/generated.ts';
import { effectLogic, type Outgoing, type RoleDefinition } from '../../runtime/role.ts';
import { completed, errorOf, failed, type HopContext, type HopEvents, idleHop, isForHop, requestOf } from '../hop.ts';

export interface SearchInput {
  readonly query: string;
}

export interface SearchOutput {
  readonly passages: Passage[];
  /** What was asked. */
  readonly engine: string;
  /** Why less was asked than is configured; null or absent when nothing was missing. */
  readonly problem?: string | null;
  /** Passages left out because one of these says nearly the same; absent when there are none. */
  readonly alike?: number;
}

const machine = setup({
  types: { context: {} as HopContext, events: {} as HopEvents, emitted: {} as Outgoing },
  actors: { search: effectLogic<SearchInput, SearchOutput>() },
}).createMachine({
  id: 'retriever',
  context: idleHop,
  initial: 'idle',
  on: {
    'hop.requested': { target: '.searching', reenter: true, actions: assign({ request: ({ event }) => event.data }) },
  },
  states: {
    idle: {},
    searching: {
      invoke: {
        id: 'search',
        src: 'search',
        input: ({ context }) => ({ query: requestOf(context).input.prompt }),
        onDone: {
          target: 'idle',
          actions: [
            emit(({ context, event: { output } }) =>
              completed(context, { engine: output.engine, summary: summaryOf(output), passages: output.passages }),
            ),
            assign(idleHop),
          ],
        },
        onError: {
          target: 'idle',
          actions: [emit(({ context, event }) => failed(context, errorOf(event.error))), assign(idleHop)],
        },
      },
      on: {
        'hop.cancelled': {
          guard: ({ context, event }) => isForHop(context, event),
          target: 'idle',
          actions: assign(idleHop),
        },
      },
    },
  },
});

function found({ passages, alike = 0 }: SearchOutput): string {
  const files = new Set(passages.map(({ path }) => path));
  if (passages.length === 0) return 'no passage found';
  const from = files.size === 1 ? [...files][0] : `${files.size} files`;
  const others = alike === 0 ? '' : ` (${alike} more ${alike === 1 ? 'says' : 'say'} nearly the same)`;
  return `${passages.length} ${passages.length === 1 ? 'passage' : 'passages'} from ${from}${others}`;
}

/** What was missing is said where the result is seen: a worse answer has its reason beside it. */
function summaryOf(output: SearchOutput): string {
  const { problem, engine } = output;
  if (problem == null) return found(output);
  // Two were asked: one of them knows only a part.
  return engine.includes('+') ? `${found(output)}; ${problem}` : `${found(output)}, by words alone: ${problem}`;
}

export const role: RoleDefinition = {
  name: 'retriever',
  service: 'agents',
  stepMs: 30_000,
  startsOn: ['hop.requested'],
  versions: [{ since: 1, machine }],
};
