/**
 * Where a passage stands, as a person finds it. Owns: whether the lines of a citation are lines that somebody can see. Does not
 * own: how a place is worded where it is shown.
 *
 * What is no text is indexed as Markdown that only the index has: there the heading names the page, the slide, the sheet with
 * its cells, the chapter or the cell of a notebook, and a number of a line names nothing.
 */
const READ_AS_MARKDOWN = /\.(?:pdf|docx|pptx|xlsx|epub|ipynb|html?|xhtml)$/i;

/** @param path as a passage or a citation has it */
export function hasLines(path: string): boolean {
  return !READ_AS_MARKDOWN.test(path);
}
