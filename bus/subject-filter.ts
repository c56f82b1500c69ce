/**
 * What a NATS subject, a filter and a sequence may look like. Owns: the check that a subject carries no wildcard, space
 * or empty token, and matching a subject against a filter. Does not own: the names of subjects (`schemas/events/subjects.ts`).
 *
 * Invariant: nothing that came from outside reaches the server as a subject before `isLiteralSubject` said yes, so no
 * name can widen a subscription or a key into others'.
 */

const FORBIDDEN_CHARACTERS = /[\s*>\p{Cc}]/u;
const FORBIDDEN_IN_FILTER = /[\s\p{Cc}]/u;

/** A subject one can publish to. */
export function isLiteralSubject(subject: string): boolean {
  return subject !== '' && !FORBIDDEN_CHARACTERS.test(subject) && !hasEmptyToken(subject);
}

/** A subject one can subscribe to: `*` stands for one whole token, `>` for all that follow and only at the end. */
export function isFilter(filter: string): boolean {
  if (filter === '' || FORBIDDEN_IN_FILTER.test(filter) || hasEmptyToken(filter)) return false;
  const tokens = filter.split('.');
  return tokens.every((token, index) => {
    if (token === '>') return index === tokens.length - 1;
    return token === '*' || !/[*>]/.test(token);
  });
}

/** The place of a message in its stream. */
export function isSequence(seq: number): boolean {
  return Number.isSafeInteger(seq) && seq >= 1;
}

/** The last place a publish may expect: a sequence, or 0 for none. */
export function isExpectation(seq: number): boolean {
  return seq === 0 || isSequence(seq);
}

function hasEmptyToken(subject: string): boolean {
  return subject.startsWith('.') || subject.endsWith('.') || subject.includes('..');
}

/** Whether a literal subject falls under a filter. */
export function matchesFilter(filter: string, subject: string): boolean {
  let at = 0;
  for (let place = 0; place < filter.length; place += 1) {
    const wanted = filter[place];
    if (wanted === '>') return at < subject.length;
    if (wanted === '*') {
      const end = subject.indexOf('.', at);
      at = end === -1 ? subject.length : end;
    } else if (wanted === subject[at]) at += 1;
    else return false;
  }
  return at === subject.length;
}
