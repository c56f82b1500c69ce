/**
 * The task machine: one instance a correlation id. Owns: the order of hops, deadline, cancel, approval, and relaying
 * messages between roles. Does not own: what happens at each turn (`moves.ts`), the arithmetic of a task (`steps.ts`, `hops.ts`,
 * `review-loop.ts`, `decisions.ts`), or any work.
 *
 *   waiting → routing → hop ⇄ (next step, retry, revise) → completed | failed | cancelled
 *                        ├→ reconsidering (the router, after a review or a failure in passing) → hop …
 *                        ├→ asking → hop …
 *                        └→ stopping → failed | cancelled
 *
 * A hop that says that it waits for its turn is `queued`, and `resumed` when that has come: the time of a step is that of
 * its work. A task that ends while a role may have done something waits a moment for that role to say so (S6).
 */
import { assign, cancel, emit, enqueueActions } from 'xstate';
import { type Incoming, out, type RoleDefinition, WATCHERS } from '../../runtime/role.ts';
import { errorOf } from '../hop.ts';
import { emptyReconsideringTask, emptyRepeatingTask, emptyTask, emptyTimedTask, type TaskContext } from './context.ts';
import { type Heard, type Here, timeOf, upOf } from './heard.ts';
import { cancelling, confirms, mayWait, outOfTime, replies, stoppingStates, waitingStates } from './hop-states.ts';
import * as hops from './hops.ts';
import { moves } from './moves.ts';
import { answerTo, refusalOf } from './questions.ts';
import { messageNoted } from './result.ts';
import { onTheWay, situation, unasked } from './routing.ts';
import { accepted, ending, hopRequest, hopStarted, place } from './sayings.ts';

/** @param beginning the context before anything has happened; it says whether tasks ask the router again */
const machineFor = (beginning: TaskContext) => {
  const isTimed = beginning.keepsTime === true;
  return moves.createMachine({
    id: 'task',
    context: beginning,
    initial: 'waiting',
    on: {
      'agent.message': {
        actions: enqueueActions(({ context, event, enqueue }) => {
          const relayed = { ...place(context), relay: { from: event.sender, to: event.recipient } };
          enqueue.assign(messageNoted(context, event.data));
          // Relayed to itself it would go round for ever; watchers see every message anyhow.
          if (event.recipient !== role.name && event.recipient !== WATCHERS)
            enqueue.emit(out('agent.message', event.recipient, event.data, relayed));
          enqueue.emit(out('agent.message', WATCHERS, event.data, relayed));
        }),
      },
    },
    states: {
      waiting: {
        on: {
          'task.submitted': {
            target: 'working',
            actions: [
              assign(({ event }) => ({
                prompt: event.data.prompt,
                wish: event.data.workflow ?? null,
                caller: event.data.caller ?? null,
                deadlineMs: event.data.deadlineMs ?? null,
                ...(event.data.key === undefined ? {} : { key: event.data.key }),
                ...(event.data.door === undefined ? {} : { door: event.data.door }),
                ...(isTimed
                  ? { priority: event.data.priority ?? null, waitForModel: event.data.waitForModel ?? false }
                  : {}),
                ...(event.data.fork === undefined ? {} : { fork: event.data.fork }),
              })),
              emit(({ event }) => out('task.accepted', WATCHERS, accepted(event), { hop: 0, loops: 0, awaited: true })),
            ],
          },
        },
      },
      working: {
        initial: 'routing',
        ...(isTimed
          ? {
              entry: assign({ workingSinceUpMs: ({ event }) => upOf(event) }),
              exit: assign({
                spentMs: ({ context, event }) =>
                  (context.spentMs ?? 0) + Math.max(0, upOf(event) - (context.workingSinceUpMs ?? 0)),
              }),
            }
          : {}),
        after: {
          deadline: [
            ...(isTimed
              ? [
                  {
                    guard: ({ context }: Here) => confirms(context),
                    target: 'stopping',
                    actions: { type: 'stop', params: ({ context }: Here) => outOfTime(context) },
                  } as const,
                ]
              : []),
            { target: 'failed', actions: { type: 'end', params: ({ context }) => outOfTime(context) } },
          ],
        },
        on: {
          'task.cancel.requested': [
            ...(isTimed
              ? [
                  {
                    guard: ({ context }: Here) => confirms(context),
                    target: 'stopping',
                    actions: {
                      type: 'stop',
                      params: ({ event }: Heard<'task.cancel.requested'>) => cancelling(event.data.reason),
                    },
                  } as const,
                ]
              : []),
            { target: 'cancelled', actions: { type: 'end', params: ({ event }) => cancelling(event.data.reason) } },
          ],
          // Without a question only the answer to one that was answered already comes here (`refuses`).
          ...(beginning.asksById
            ? {
                'task.input.provided': {
                  actions: {
                    type: 'refuse' as const,
                    params: ({ event }: Heard<'task.input.provided'>) => event.data,
                  },
                },
              }
            : {}),
        },
        states: {
          routing: {
            invoke: {
              id: 'route',
              src: 'route',
              input: ({ context }) => situation(context),
              onDone: {
                target: isTimed ? '#task.routed' : 'deciding',
                actions: { type: 'route', params: ({ event }) => event.output },
              },
              onError: [
                ...(beginning.reconsiders
                  ? [
                      {
                        guard: ({ context }: Here) => onTheWay(context),
                        target: 'deciding',
                        actions: {
                          type: 'route' as const,
                          params: ({ context, event }: Here & { event: { error: unknown } }) =>
                            unasked(context, errorOf(event.error)),
                        },
                      } as const,
                    ]
                  : []),
                {
                  target: '#task.failed',
                  actions: {
                    type: 'end',
                    params: ({ event }) => ({ outcome: 'failed', error: errorOf(event.error) }),
                  },
                },
              ],
            },
          },
          deciding: {
            always: [
              { guard: ({ context }) => context.next === 'hop', target: 'hop' },
              { guard: ({ context }) => context.next === 'ask', target: '#task.asking' },
              ...(beginning.reconsiders
                ? [{ guard: ({ context }: Here) => context.next === 'reconsider', target: 'routing' } as const]
                : []),
              { guard: ({ context }) => context.next === 'completed', target: '#task.completed' },
              { target: '#task.failed' },
            ],
          },
          hop: {
            entry: [
              assign(({ context, event }) => hops.started(context, timeOf(event))),
              emit(({ context }) => hopRequest(context)),
              emit(({ context }) => hopStarted(context)),
            ],
            after: { hopTimeout: { target: 'deciding', actions: 'timeUp' } },
            on: { ...replies, ...(isTimed ? mayWait : {}) },
          },
          ...(isTimed ? waitingStates : {}),
        },
      },
      ...(isTimed ? stoppingStates : {}),
      asking: {
        entry: 'ask',
        ...(beginning.asksById ? { exit: cancel('remind') } : {}),
        after: {
          answerWithin: [
            ...(beginning.asksById
              ? [
                  {
                    guard: ({ context }: Here) => context.question?.default !== undefined,
                    target: 'working.deciding',
                    actions: {
                      type: 'take' as const,
                      params: ({ context }: Here) => ({ text: context.question?.default ?? '', byDefault: true }),
                    },
                  } as const,
                ]
              : []),
            {
              target: 'failed',
              actions: {
                type: 'end',
                params: {
                  outcome: 'failed',
                  error: { code: 'no_answer', message: 'nobody answered the question in time', retryable: false },
                },
              },
            },
          ],
        },
        on: {
          'task.input.provided': [
            ...(beginning.asksById
              ? [
                  {
                    guard: ({ context, event }: Heard<'task.input.provided'>) =>
                      refusalOf(context, event.data) !== null,
                    actions: {
                      type: 'refuse' as const,
                      params: ({ event }: Heard<'task.input.provided'>) => event.data,
                    },
                  } as const,
                ]
              : []),
            {
              target: 'working.deciding',
              actions: { type: 'take', params: ({ event }) => ({ ...event.data }) },
            },
          ],
          ...(beginning.asksById ? { remind: { actions: 'remind' as const } } : {}),
          'task.cancel.requested': {
            target: 'cancelled',
            actions: {
              type: 'end',
              params: ({ event }) => cancelling(event.data.reason),
            },
          },
        },
      },
      completed: { type: 'final', entry: emit(({ context }) => ending('task.completed', context)) },
      failed: { type: 'final', entry: emit(({ context }) => ending('task.failed', context)) },
      cancelled: { type: 'final', entry: emit(({ context }) => ending('task.cancelled', context)) },
    },
  });
};

/** An answer to a task that asks nothing would pass without a trace, or wait for a question that nobody has seen. */
const refuses: NonNullable<RoleDefinition['versions'][number]['refuses']> = (snapshot, event) => {
  if (event.type !== 'task.input.provided' || snapshot.status !== 'active' || snapshot.matches('asking')) return null;
  const context = snapshot.context as TaskContext;
  const { questionId } = (event as Incoming<'task.input.provided'>).data;
  if (answerTo(context, questionId) !== null) return null;
  const which = questionId === undefined ? '' : `, and not the question ${questionId}`;
  return { code: 'nothing_asked', reason: `the task asks nothing at the moment${which}; answer when it asks` };
};

export const role: RoleDefinition = {
  name: 'orchestrator',
  service: 'agents',
  startsOn: ['task.submitted'],
  versions: [
    { since: 1, machine: machineFor(emptyTask) },
    { since: 2, machine: machineFor(emptyReconsideringTask) },
    { since: 3, machine: machineFor(emptyRepeatingTask) },
    { since: 4, machine: machineFor(emptyTimedTask), refuses },
  ],
};
