/**
 * Following one task until it ends or waits for a person. Owns: reading its facts as they come, noticing a submission
 * that was refused, and stopping on Ctrl-C. Does not own: submitting, or how facts look.
 */

import type { Bus, Reader } from '../bus/port.ts';
import { headerValue } from '../schemas/events/event-content.ts';
import type { Fact } from '../schemas/events/fact.ts';
import { factSubject } from '../schemas/events/subjects.ts';
import { emptyView, foldTask, isEnded, type TaskView } from '../schemas/events/task-view.ts';
import { followFacts } from './mesh-client.ts';

export type Followed =
  /** It ended, or waits for a person. */
  | { readonly kind: 'settled'; readonly view: TaskView }
  /** The submission was quarantined. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The person stopped following; the task goes on. */
  | { readonly kind: 'left'; readonly view: TaskView };

export interface FollowOptions {
  readonly bus: Bus;
  readonly taskId: string;
  /** Called for every fact up to the one that ends the task, with the view after it. */
  readonly onFact: (fact: Fact, view: TaskView) => void;
  /** Ends the following. */
  readonly signal: AbortSignal;
  /** Sequence of the submission in the log, to notice that it was quarantined. */
  readonly submission?: { readonly seq: number; readonly quarantineFromSeq: number };
}

export async function followTask(options: FollowOptions): Promise<Followed> {
  const { bus, taskId, signal } = options;
  const readers: Reader[] = [];
  let view = emptyView(taskId);
  try {
    return await new Promise<Followed>((resolve, reject) => {
      let live = false;
      // After a whole message: what a commit told together is not taken apart.
      const settle = (): void => {
        // An old question may have been answered further on in the log: only the latest fact counts.
        if (isEnded(view.status) || (live && view.status === 'input_required')) resolve({ kind: 'settled', view });
      };
      const onFacts = (facts: readonly Fact[]): void => {
        for (const fact of facts) {
          const next = isEnded(view.status) ? view : foldTask(view, fact);
          if (next === view) continue;
          view = next;
          options.onFact(fact, view);
        }
        settle();
      };
      signal.addEventListener('abort', () => resolve({ kind: 'left', view }), { once: true });
      if (signal.aborted) resolve({ kind: 'left', view });
      const opened = followFacts(bus, factSubject(taskId), 1, onFacts, reject).then((reader) => {
        readers.push(reader);
        return reader.caughtUp.then(() => {
          live = true;
          settle();
        });
      });
      opened.catch(reject);
      if (options.submission !== undefined) {
        const refused = watchQuarantine(bus, options.submission, (reason) => resolve({ kind: 'refused', reason }));
        refused.then((reader) => readers.push(reader)).catch(reject);
      }
    });
  } finally {
    await Promise.all(readers.map((reader) => reader.stop()));
  }
}

function watchQuarantine(
  bus: Bus,
  submission: { readonly seq: number; readonly quarantineFromSeq: number },
  onRefused: (reason: string) => void,
): Promise<Reader> {
  return bus.read({
    stream: 'quarantine',
    filter: 'mesh.quarantine.>',
    fromSeq: submission.quarantineFromSeq,
    onMessage: (message) => {
      if (message.header('mesh-origin-seq') !== String(submission.seq)) return;
      onRefused(headerValue(message.header('mesh-reason')) || message.header('mesh-code') || 'no reason was given');
    },
  });
}
