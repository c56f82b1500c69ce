/**
 * What a person does, from wherever. Owns: sending commands, and what is said when one was refused. Does not own: any
 * dialog.
 */
import { goto } from '$app/navigation';
import { command, newId } from '../live/source.ts';

class Actions {
  /** Opens the dialogs of the layout. */
  palette = $state(false);
  help = $state(false);
  ask = $state(false);
  /** The task to fork, and from which place of its log; null for its end. */
  fork = $state.raw<{ readonly task: string; readonly at: number | null } | null>(null);
  /** The task whose question is to be answered. */
  answer = $state.raw<{ readonly task: string } | null>(null);
  cancel = $state.raw<{ readonly task: string } | null>(null);

  /** Null when it was done; else why not. */
  async submit(prompt: string, workflow: string): Promise<string | null> {
    const outcome = await command({ kind: 'submit', prompt, workflow, id: newId() });
    if (!outcome.ok) return outcome.message;
    await goto(`/task/${outcome.task}`);
    return null;
  }

  async runFork(task: string, hop: number, prompt: string): Promise<string | null> {
    const outcome = await command({ kind: 'fork', task, hop, prompt, id: newId() });
    if (!outcome.ok) return outcome.message;
    await goto(`/task/${outcome.task}`);
    return null;
  }

  async runCancel(task: string, reason: string): Promise<string | null> {
    const outcome = await command({ kind: 'cancel', task, reason });
    return outcome.ok ? null : outcome.message;
  }
}

export const actions = new Actions();
