/**
 * A change applied to the code before it: a unified diff, or pairs of what is searched for and what comes in its place. Owns:
 * doing so, or saying that it does not fit. Does not own: the format of diffs (the diff library).
 */
import { applyPatch, parsePatch } from 'diff';

/** Lines around a change that may differ: models remember them roughly. */
const FUZZ_LINES = 2;

/** The text after the diff; null when it does not fit, or would change nothing. */
export function patched(before: string, diff: string): string | null {
  const hunks = withCounts(diff);
  if (hunks === null) return null;
  try {
    const [patch, ...others] = parsePatch(hunks);
    if (patch === undefined || patch.hunks.length === 0 || others.length > 0) return null;
    const after = applyPatch(before, patch, { fuzzFactor: FUZZ_LINES, autoConvertLineEndings: true });
    return after === false || after === before ? null : after;
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}

/** Lines that are kept, taken away and put there, without anything that says where. */
export function isBareHunk(text: string): boolean {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  return (
    lines.every((line) => /^[ +-]/.test(line)) &&
    lines.some((line) => line.startsWith('+')) &&
    lines.some((line) => line.startsWith('-'))
  );
}

/** Models miscount the lines of a hunk, or leave the numbers out; they follow from the hunk itself. */
function withCounts(diff: string): string | null {
  // Marks of a patch as OpenAI's models write it; of two files there is but one here.
  if ((diff.match(/^\*\*\* Update File:/gm)?.length ?? 0) > 1) return null;
  const marked = diff.split(/\r?\n/).filter((line) => !/^\*\*\* /.test(line));
  const lines = isBareHunk(marked.join('\n')) ? ['@@', ...marked] : marked;
  const first = lines.findIndex((line) => line.startsWith('@@'));
  if (first === -1) return null;
  const hunks: string[][] = [];
  for (const line of lines.slice(first)) {
    if (line.startsWith('@@')) hunks.push([line]);
    else if (line.startsWith('--- ') || line.startsWith('diff ')) return null;
    else hunks.at(-1)?.push(line);
  }
  let shift = 0;
  const out = hunks.flatMap(([head = '', ...rest]) => {
    while (rest.at(-1) === '') rest.pop();
    const body = rest.map((line) => (/^[ +\-\\]/.test(line) ? line : ` ${line}`));
    const removed = body.filter((line) => /^[ -]/.test(line)).length;
    const added = body.filter((line) => /^[ +]/.test(line)).length;
    const start = Number(/-(\d+)/.exec(head)?.[1] ?? 1);
    const line = `@@ -${start},${removed} +${start + shift},${added} @@`;
    shift += added - removed;
    return [line, ...body];
  });
  return `--- a\n+++ b\n${out.join('\n')}\n`;
}

const PAIR = /^<{5,9} ?SEARCH[^\n]*\n([\s\S]*?)^={5,9}[ \t]*\n([\s\S]*?)^>{5,9} ?REPLACE[^\n]*$/gm;

/** The text with each pair's first part replaced by its second; null when there is no pair, or one does not stand there once. */
export function replaced(before: string, text: string): string | null {
  const pairs = [...text.replaceAll('\r\n', '\n').matchAll(PAIR)];
  let after = before;
  for (const [, search = '', replacement = ''] of pairs) {
    const at = after.indexOf(search);
    if (search.trim() === '' || at === -1 || after.indexOf(search, at + 1) !== -1) return null;
    after = after.slice(0, at) + replacement + after.slice(at + search.length);
  }
  return pairs.length === 0 || after === before ? null : after;
}

/** What a diff adds that only adds: a new file. Null for any other. */
export function addedIn(diff: string): string | null {
  const body = diff
    .split(/\r?\n/)
    .filter((line) => !/^(?:diff |index |new file|--- |\+\+\+ |@@ |\\ )/.test(line) && line !== '');
  if (body.length === 0 || !body.every((line) => line.startsWith('+'))) return null;
  return body.map((line) => line.slice(1)).join('\n');
}
