/**
 * What a fact says that somebody has written to the mesh. Owns: who, and how many bytes, so that the log tells the same as
 * what a door counted when it let it in. Does not own: what a share is (`gateway/core/shares.ts`), or adding up
 * (`index-store.ts`).
 */
import type { MeshEvent } from '../schemas/events/envelope.ts';
import { bytesOf } from './requests.ts';

export interface Writing {
  readonly caller: string;
  readonly isTask: boolean;
  /** As JSON. */
  readonly bytes: number;
}

/**
 * Null for a fact that tells of nothing written, or by nobody known.
 *
 * @param owner the caller of the task; a message says nobody's name
 */
export function writingIn(event: MeshEvent, owner: string | null): Writing | null {
  switch (event.type) {
    case 'dev.agentmesh.task.accepted.v1': {
      const { caller = null, fork } = event.data;
      return by(caller, bytesOf(event.data) + (fork?.bytes ?? 0), true);
    }
    case 'dev.agentmesh.task.input.accepted.v1': {
      const { caller = owner, byDefault } = event.data;
      return byDefault === true ? null : by(caller, bytesOf(event.data));
    }
    case 'dev.agentmesh.task.input.refused.v1': {
      const { text, messageId, caller = owner, questionId } = event.data;
      return by(caller, bytesOf({ text, messageId, caller, questionId }));
    }
    case 'dev.agentmesh.agent.message.v1':
      return event.data.role === 'ROLE_USER' ? by(owner, bytesOf(event.data)) : null;
    default:
      return null;
  }
}

function by(caller: string | null, bytes: number, isTask = false): Writing | null {
  return caller === null ? null : { caller, isTask, bytes };
}
