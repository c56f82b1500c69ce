/**
 * Characters that nobody sees and that change what is read: marks that turn text round, zero widths, tags, the joiners and
 * selectors that stand where they join nothing. Owns: which these are, for whatever shows text of others. Does not own:
 * control characters, or what is shown in their place.
 *
 * Joiners and variation selectors are part of emoji and of words in many scripts, and stay there. After a letter of ASCII,
 * or after another character that nobody sees, they carry only what shall not be seen.
 */
const JOINERS = '\\u200c\\u200d';
const IGNORABLE = '\\p{Default_Ignorable_Code_Point}';
const SELECTORS = '\\ufe00-\\ufe0f\\u{e0100}-\\u{e01ef}';

/** One such character; it has no groups. */
export const UNSEEN = new RegExp(
  [
    '\\p{Bidi_Control}',
    `(?![${JOINERS}${SELECTORS}])${IGNORABLE}`,
    // Marks of interlinear notes, which no font shows.
    '[\\ufff9-\\ufffb]',
    `[${JOINERS}](?<=(?:^|[\\0-\\x7f]|(?![${SELECTORS}])${IGNORABLE}).)`,
    // A digit, # and * are the beginning of a key: 1️⃣.
    `[${SELECTORS}](?<=(?:^|[\\0-\\x22\\x24-\\x29\\x2b-\\x2f\\x3a-\\x7f]|${IGNORABLE}).)`,
  ].join('|'),
  'gu',
);
