/**
 * The task as its pages show it: now, or as it was at a place of the slider. Owns: the position in the log that the
 * address names, and the story up to there. Does not own: the facts (`live.svelte.ts`).
 */
import { goto } from '$app/navigation';
import { page } from '$app/state';
import { live } from '../live/live.svelte.ts';
import { storyAt } from '../model/story.ts';

class TaskOnPage {
  readonly total = $derived.by(() => {
    void live.taskVersion;
    return live.task?.facts.length ?? 0;
  });
  /** How many facts count; null for all of them, also those to come. */
  readonly at = $derived.by(() => {
    const text = page.url.searchParams.get('at');
    if (text === null || !/^\d{1,6}$/.test(text)) return null;
    return Math.min(this.total, Math.max(1, Number(text)));
  });
  readonly facts = $derived.by(() => {
    void live.taskVersion;
    return live.task?.facts ?? [];
  });
  readonly story = $derived.by(() => {
    void live.taskVersion;
    const { task } = live;
    return task === null ? null : storyAt(task.facts, task.marks, this.at ?? task.facts.length);
  });

  travel(to: number | null): void {
    const url = new URL(page.url.href);
    if (to === null || to >= this.total) url.searchParams.delete('at');
    else url.searchParams.set('at', String(Math.max(1, to)));
    void goto(url, { replace: true, reset: false });
  }
}

export const view = new TaskOnPage();
