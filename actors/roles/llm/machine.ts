/**
 * Makes text for other roles. Owns: trying the configured engine, then the embedded one, and saying which it was.
 * Does not own: the engines.
 *
 *   idle → generating → idle
 *               └→ falling → idle
 *
 * A new request replaces the one at work: a role asks again only when it no longer wants the first.
 */
import { assign, emit, enqueueActions, setup } from 'xstate';
import type { ErrorInfo, HopOutput, LlmRequestedData } from '../../../schemas/events/generated.ts';
import { effectLogic, type Incoming, type Outgoing, out, type RoleDefinition } from '../../runtime/role.ts';
import { errorOf } from '../hop.ts';

interface LlmContext {
  readonly request: LlmRequestedData | null;
  readonly asker: string;
  readonly hop: number;
  readonly failure: ErrorInfo | null;
}

const idle: LlmContext = { request: null, asker: '', hop: 0, failure: null };

function requestOf(context: LlmContext): LlmRequestedData {
  if (!context.request) throw new RangeError('no request is at work');
  return context.request;
}

const machine = setup({
  types: {
    context: {} as LlmContext,
    events: {} as Incoming<'llm.requested' | 'hop.cancelled'>,
    emitted: {} as Outgoing,
  },
  actors: {
    generate: effectLogic<LlmRequestedData, HopOutput>(),
    extract: effectLogic<LlmRequestedData, HopOutput>(),
  },
}).createMachine({
  id: 'llm',
  context: idle,
  initial: 'idle',
  on: {
    'llm.requested': {
      target: '.generating',
      reenter: true,
      actions: assign(({ event }) => ({ request: event.data, asker: event.sender, hop: event.hop, failure: null })),
    },
  },
  states: {
    idle: {},
    generating: {
      invoke: {
        id: 'generate',
        src: 'generate',
        input: ({ context }) => requestOf(context),
        onDone: {
          target: 'idle',
          actions: [emit(({ context, event }) => reply(context, event.output)), assign(idle)],
        },
        onError: {
          target: 'falling',
          actions: assign({ failure: ({ event }) => errorOf(event.error) }),
        },
      },
      on: {
        'hop.cancelled': {
          guard: ({ context, event }) => event.hop === context.hop,
          target: 'idle',
          actions: assign(idle),
        },
      },
    },
    falling: {
      invoke: {
        id: 'extract',
        src: 'extract',
        input: ({ context }) => requestOf(context),
        onDone: {
          target: 'idle',
          actions: enqueueActions(({ context, event, enqueue }) => {
            const why = context.failure?.message ?? 'the engine failed';
            const engine = `${event.output.engine} (fallback)`;
            const summary = `${event.output.summary}; fell back because ${why}`.slice(0, 1000);
            enqueue.emit(reply(context, { ...event.output, engine, summary }));
            enqueue.assign(idle);
          }),
        },
        onError: {
          target: 'idle',
          actions: [
            emit(({ context, event }) => {
              const { requestId } = requestOf(context);
              const error = context.failure ?? errorOf(event.error);
              return out('llm.replied', context.asker, { requestId, status: 'failed', error });
            }),
            assign(idle),
          ],
        },
      },
      on: {
        'hop.cancelled': {
          guard: ({ context, event }) => event.hop === context.hop,
          target: 'idle',
          actions: assign(idle),
        },
      },
    },
  },
});

function reply(context: LlmContext, output: HopOutput): Outgoing {
  return out('llm.replied', context.asker, { requestId: requestOf(context).requestId, status: 'completed', output });
}

export const role: RoleDefinition = {
  name: 'llm',
  service: 'llm',
  startsOn: ['llm.requested'],
  versions: [{ since: 1, machine }],
};
