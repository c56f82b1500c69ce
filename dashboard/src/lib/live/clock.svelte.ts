/**
 * The time of day, for what grows by itself: durations of what runs, ages. Owns: one interval for all of them. It stands
 * still in the demonstration, and while the tab is hidden.
 */
import { isDemo } from './source.ts';

const TICK_MS = 250;

class Clock {
  nowMs = $state(Date.now());

  begin(): () => void {
    if (isDemo) return () => undefined;
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') this.nowMs = Date.now();
    }, TICK_MS);
    return () => clearInterval(timer);
  }
}

export const clock = new Clock();
