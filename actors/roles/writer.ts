/**
 * The machine of a role whose work is to ask the llm role for text: responder and coder. Owns: asking, waiting, passing
 * a cancel on. Does not own: what the text is about; each role says that.
 *
 *   idle → writing → idle
 *
 * What can be said word for word is said at once, without a model.
 */
import { assign, emit, enqueueActions, setup } from 'xstate';
import type { ErrorInfo, HopOutput, HopRequestedData, LlmRequestedData } from '../../schemas/events/generated.ts';
import { type Incoming, type Outgoing, out } from '../runtime/role.ts';
import {
  completed,
  errorOf,
  failed,
  type HopContext,
  type HopEvents,
  idleHop,
  isForHop,
  requestOf,
  standingOf,
  type Wanted,
} from './hop.ts';

export interface WriterOptions {
  readonly id: string;
  readonly wants: Wanted;
  /** What the model is told in place of what the skill says, and what is done without one. */
  readonly asks?: (request: HopRequestedData) => Pick<LlmRequestedData, 'messages' | 'format' | 'fallback'>;
  /** What is made of what the model said; it is the output as it stands when absent. */
  readonly read?: (output: HopOutput, request: HopRequestedData) => HopOutput;
  /** What needs no model, from the request alone; null when it does need one. */
  readonly verbatim?: (request: HopRequestedData) => HopOutput | null;
  /** What is said when the llm role could not; null: the hop fails. */
  readonly without?: (request: HopRequestedData, error: ErrorInfo) => HopOutput | null;
  /** The work says whose it is. */
  readonly passesStanding?: boolean;
  /** What else is said when the text is there, before the reply. */
  readonly announce?: (context: HopContext, output: HopOutput, event: Incoming<'llm.replied'>) => readonly Outgoing[];
}

export interface WriterContext extends HopContext {
  /** The hop at work. */
  readonly hop: number;
}

interface Asked {
  readonly event: Incoming<'hop.requested'>;
}

const idle: WriterContext = { ...idleHop, hop: 0 };

/** Unique in the task: step and attempt repeat when a loop goes round, the hop does not. */
function requestId(context: WriterContext): string {
  const { step, attempt } = requestOf(context);
  return `${context.hop}.${step}.${attempt}`;
}

export function createWriterMachine(options: WriterOptions) {
  const said = (request: HopRequestedData): HopOutput | null => options.verbatim?.(request) ?? null;
  return setup({
    types: {
      context: {} as WriterContext,
      events: {} as HopEvents | Incoming<'llm.replied'>,
      emitted: {} as Outgoing,
    },
    actions: {
      say: enqueueActions(({ enqueue }, request: HopRequestedData) => {
        const output = said(request);
        if (output !== null) enqueue.emit(completed({ request }, output));
        enqueue.assign(idle);
      }),
    },
  }).createMachine({
    id: options.id,
    context: idle,
    initial: 'idle',
    on: {
      'hop.requested': [
        ...(options.verbatim === undefined
          ? []
          : [
              {
                guard: ({ event }: Asked) => said(event.data) !== null,
                target: '.idle',
                actions: { type: 'say', params: ({ event }: Asked) => event.data },
              } as const,
            ]),
        {
          target: '.writing',
          reenter: true,
          actions: [
            assign({ request: ({ event }) => event.data, hop: ({ event }) => event.hop }),
            emit(({ context }) =>
              out('llm.requested', 'llm', {
                requestId: requestId(context),
                ...options.wants,
                input: requestOf(context).input,
                ...options.asks?.(requestOf(context)),
                timeoutMs: requestOf(context).timeoutMs,
                ...(options.passesStanding ? standingOf(requestOf(context)) : {}),
              }),
            ),
          ],
        },
      ],
    },
    states: {
      idle: {},
      writing: {
        on: {
          'llm.replied': {
            guard: ({ context, event }) => event.data.requestId === requestId(context),
            target: 'idle',
            actions: enqueueActions(({ context, event, enqueue }) => {
              const { status, output: said, error } = event.data;
              if (status === 'completed' && said) {
                const output = options.read?.(said, requestOf(context)) ?? said;
                for (const message of options.announce?.(context, output, event) ?? []) enqueue.emit(message);
                enqueue.emit(completed(context, output));
              } else {
                const why = errorOf(error);
                const instead = options.without?.(requestOf(context), why) ?? null;
                enqueue.emit(instead === null ? failed(context, why) : completed(context, instead));
              }
              enqueue.assign(idle);
            }),
          },
          'hop.cancelled': {
            guard: ({ context, event }) => isForHop(context, event),
            target: 'idle',
            actions: [emit(({ event }) => out('hop.cancelled', 'llm', event.data)), assign(idle)],
          },
        },
      },
    },
  });
}
