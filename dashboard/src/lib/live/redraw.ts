/**
 * How often what changed is drawn anew. Owns: that it is soon, and not more often than anybody can see. Does not own:
 * what changed.
 *
 * A task with 5,000 spans is some ten milliseconds to lay out: fifty events a second would take half of a processor.
 */
const EVERY_MS = 100;

/** @returns asks for it: at once after a pause, else with all that came meanwhile. A timer, since a hidden tab has no frames. */
export function redraw(draw: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let drawnAtMs = Number.NEGATIVE_INFINITY;
  const now = (): void => {
    timer = null;
    drawnAtMs = performance.now();
    draw();
  };
  return () => {
    if (timer !== null) return;
    const waitMs = drawnAtMs + EVERY_MS - performance.now();
    if (waitMs <= 0) now();
    else timer = setTimeout(now, waitMs);
  };
}
