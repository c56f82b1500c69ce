/**
 * Keeps thoughts, template tokens and control characters out of text that is shown while it arrives. Owns the decision
 * for pieces; the finished text is cleaned by model-text.ts, which sees all of it and decides better.
 */
import {
  ANNOUNCING,
  CLOSINGS,
  cleanText,
  ENDING,
  FRAME,
  lowerInPlace,
  OPENINGS,
  unfinishedEscape,
} from '../../../../prompting/model-text.ts';

export interface ThinkingFilter {
  push(piece: string): void;
  /** Shows what was held back in doubt. */
  end(): void;
}

/** Without those that HTML has as well: while text arrives nobody knows yet whether it is code. */
const TOKENS = [...OPENINGS, ...ANNOUNCING, ...ENDING].filter((token) => !['<s>', '</s>'].includes(token));
/** A whole reply at once is gone through in pieces: each token in it would make all that follows be searched again. */
const PIECE_CHARS_MAX = 128;
const CLOSING_CHARS_MAX = Math.max(...CLOSINGS.map((token) => token.length));

/** Calls `show` with the pieces that belong to the answer. */
export function createThinkingFilter(show: (piece: string) => void): ThinkingFilter {
  let state: 'start' | 'thinking' | 'shown' | 'ended' = 'start';
  let held = '';
  /** The whole answer stands in a frame, whose end is its end. */
  let framed = false;
  const emit = (text: string): void => {
    const shown = cleanText(state === 'start' ? text.trimStart() : text);
    if (shown === '') return;
    state = 'shown';
    show(shown);
  };
  /** One step; false when more text is needed. */
  const step = (): boolean => {
    if (held === '' || state === 'ended') return false;
    const lower = lowerInPlace(held);
    if (state === 'thinking') {
      const at = Math.min(...CLOSINGS.map((close) => lower.indexOf(close)).filter((index) => index !== -1));
      const close = CLOSINGS.find((one) => lower.startsWith(one, at));
      if (close === undefined) {
        // Nothing of a thought is shown; only a tag that is half here has to be kept.
        held = held.slice(-CLOSING_CHARS_MAX);
        return false;
      }
      held = held.slice(at + close.length);
      state = 'start';
      return true;
    }
    if (state === 'start' && !framed) {
      const start = lower.trimStart();
      const [open] = FRAME;
      if (start !== '' && start.length < open.length && open.startsWith(start)) return false;
      if (start.startsWith(open)) {
        framed = true;
        held = held.trimStart().slice(open.length);
        return true;
      }
    }
    const found = (framed ? [...TOKENS, FRAME[1]] : TOKENS)
      .map((token) => ({ token, at: lower.indexOf(token) }))
      .filter(({ at }) => at !== -1 && held[at - 1] !== '`')
      .sort((a, b) => a.at - b.at || b.token.length - a.token.length)[0];
    if (found === undefined) {
      const doubt = doubtful(lower, framed);
      emit(held.slice(0, held.length - doubt));
      held = doubt === 0 ? '' : held.slice(-doubt);
      return false;
    }
    emit(held.slice(0, found.at));
    held = held.slice(found.at + found.token.length);
    if (OPENINGS.includes(found.token)) state = 'thinking';
    else if (!ANNOUNCING.includes(found.token)) state = 'ended';
    return true;
  };
  return {
    push(piece) {
      for (let at = 0; at < piece.length; at += PIECE_CHARS_MAX) {
        held += piece.slice(at, at + PIECE_CHARS_MAX);
        while (step());
      }
    },
    end() {
      if (state !== 'thinking' && state !== 'ended') emit(held);
      held = '';
    },
  };
}

/** How many characters at the end may be the beginning of a token, or half a character. */
function doubtful(lower: string, framed: boolean): number {
  const last = lower.charCodeAt(lower.length - 1);
  const half = last >= 0xd800 && last <= 0xdbff ? 1 : 0;
  for (let length = Math.min(lower.length, 40); length > 0; length -= 1) {
    const end = lower.slice(-length);
    if (TOKENS.some((token) => token.startsWith(end)) || (framed && FRAME[1].startsWith(end))) return length;
  }
  return Math.max(half, unfinishedEscape(lower));
}
