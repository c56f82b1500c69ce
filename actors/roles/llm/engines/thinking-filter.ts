/**
 * Keeps the thinking of reasoning models (`<think>…</think>` at the start of a reply) out of the shown text.
 * Owns the decision while text arrives in pieces; the finished text is cleaned by reply-parsing.ts.
 */

const OPENINGS = ['<think>', '<thinking>'];
const CLOSING = /<\/think(?:ing)?>\s*/i;

export interface ThinkingFilter {
  push(piece: string): void;
  /** Shows what was held back in doubt. */
  end(): void;
}

/** Calls `show` with the pieces that are not thinking. */
export function createThinkingFilter(show: (piece: string) => void): ThinkingFilter {
  let state: 'undecided' | 'thinking' | 'shown' = 'undecided';
  let held = '';
  const emit = (text: string): void => {
    if (text !== '') show(text);
  };
  return {
    push(piece) {
      if (state === 'shown') {
        emit(piece);
        return;
      }
      held += piece;
      const start = held.trimStart().toLowerCase();
      if (state === 'undecided') {
        if (OPENINGS.some((opening) => start.startsWith(opening))) state = 'thinking';
        else if (OPENINGS.some((opening) => opening.startsWith(start))) return;
      }
      if (state === 'thinking') {
        const closing = CLOSING.exec(held);
        if (closing === null) return;
        held = held.slice(closing.index + closing[0].length);
        // The blank lines after the thinking may come with the next piece.
        if (held === '') {
          state = 'undecided';
          return;
        }
      }
      state = 'shown';
      emit(held.trimStart());
      held = '';
    },
    end() {
      if (state === 'undecided') emit(held);
      held = '';
    },
  };
}
