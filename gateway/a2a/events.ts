/**
 * What happens in a task, as events of A2A (specification, sections 3.1.2 and 4.2). Owns: which fact becomes which
 * event. Does not own: reading facts (`core/watch.ts`), or where events go.
 *
 * Invariant: the same fact gives the same events, in every stream and in every push notification; a stream that has sent
 * the answer as it was written leaves that out at the end (`answer-text.ts`).
 */
import type { Message, StreamResponse } from '@a2a-js/sdk';
import type { MeshEvent } from '../../schemas/events/envelope.ts';
import type { TaskView } from '../../schemas/events/task-view.ts';
import type { WatchItem } from '../../task-client/watch.ts';
import { agentMessage, artifactsOf, contextIdOf, roleMessage, stateOf, taskOf, textPart } from './convert.ts';

export type FactItem = Extract<WatchItem, { kind: 'fact' }>;

/** The events of one fact; `cursor` in their metadata says where in the log it stands. */
export function eventsOf({ fact, view, cursor }: FactItem): StreamResponse[] {
  const { event, atMs } = fact;
  const update = (message?: Message): StreamResponse => ({
    payload: {
      $case: 'statusUpdate',
      value: {
        taskId: view.taskId,
        contextId: contextIdOf(view),
        status: { state: stateOf(view.status), message, timestamp: new Date(atMs).toISOString() },
        metadata: { cursor, fact: event.type },
      },
    },
  });
  const said = (text: string): StreamResponse => update(agentMessage(view, event.id, [textPart(text)]));
  switch (event.type) {
    case 'dev.agentmesh.task.accepted.v1':
      return [snapshotOf(view)];
    case 'dev.agentmesh.task.completed.v1':
    case 'dev.agentmesh.task.failed.v1':
    case 'dev.agentmesh.task.cancelled.v1': {
      const error = event.data.result.error;
      return [...artifactUpdates(view, cursor), error === undefined ? update() : said(error.message)];
    }
    case 'dev.agentmesh.agent.message.v1': {
      const last = view.messages.at(-1);
      return last === undefined ? [] : [update(roleMessage(view, last))];
    }
    default: {
      const text = progress(event);
      return text === null ? [] : [text === '' ? update() : said(text)];
    }
  }
}

/** What a fact on the way says to a reader; empty for a change of state alone, null for nothing. */
function progress(event: MeshEvent): string | null {
  switch (event.type) {
    case 'dev.agentmesh.task.routed.v1':
      return `${event.data.route.decision}: ${event.data.route.reason}`;
    case 'dev.agentmesh.hop.started.v1':
      return `${event.data.step}: ${event.data.role} is at work`;
    case 'dev.agentmesh.hop.progress.v1':
      return `${event.data.role}: ${event.data.note}`;
    case 'dev.agentmesh.hop.waiting.v1': {
      const { role, waiting, ahead } = event.data;
      return waiting ? `waiting for ${role}, ${ahead} before it` : `${role}: its turn has come`;
    }
    case 'dev.agentmesh.hop.finished.v1':
      return `${event.data.hop.step}: ${event.data.error?.message ?? event.data.hop.summary}`;
    case 'dev.agentmesh.loop.advanced.v1':
      return `${event.data.verdict}, ${event.data.findings} errors, loop ${event.data.loops.used} of ${event.data.loops.max}`;
    case 'dev.agentmesh.task.input.required.v1':
      return event.data.question;
    case 'dev.agentmesh.task.input.accepted.v1':
      return '';
    default:
      return null;
  }
}

export function snapshotOf(view: TaskView): StreamResponse {
  return { payload: { $case: 'task', value: taskOf(view) } };
}

function artifactUpdates(view: TaskView, cursor: string): StreamResponse[] {
  return (view.result === null ? [] : artifactsOf(view.result)).map((artifact) => ({
    payload: {
      $case: 'artifactUpdate',
      value: {
        ...{ taskId: view.taskId, contextId: contextIdOf(view), artifact },
        ...{ append: false, lastChunk: true, metadata: { cursor } },
      },
    },
  }));
}
