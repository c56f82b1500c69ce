/**
 * Which language a text is in, roughly, and whether a passage is in that of the question. Owns: telling scripts apart, and
 * languages of the Latin script by their commonest words; the language that a path names (`docs/ja/…`). Does not own: what
 * follows from it for the order of hits (`rank.ts`).
 */

/** Scripts by which a language is told at once; of the others the words decide. */
const SCRIPTS: readonly (readonly [RegExp, string])[] = [
  [/[\p{Script=Hiragana}\p{Script=Katakana}]/gu, 'ja'],
  [/\p{Script=Hangul}/gu, 'ko'],
  [/\p{Script=Han}/gu, 'zh'],
  [/\p{Script=Cyrillic}/gu, 'ru'],
  [/\p{Script=Arabic}/gu, 'ar'],
  [/\p{Script=Hebrew}/gu, 'he'],
  [/\p{Script=Greek}/gu, 'el'],
  [/\p{Script=Thai}/gu, 'th'],
  [/\p{Script=Devanagari}/gu, 'hi'],
];
/** A text in such a script has at least this share of its letters in it; names and code are Latin everywhere. */
const SCRIPT_SHARE_MIN = 0.15;

const WORDS: Readonly<Record<string, ReadonlySet<string>>> = {
  en: new Set('the and is are of to in that it you for with this how what can be not from your have'.split(' ')),
  de: new Set('der die das und ist nicht ein eine mit für auf den wie wird werden sie von zu kann'.split(' ')),
  fr: new Set('le la les et est une des pour dans que vous avec sur pas du comment qui ce peut'.split(' ')),
  es: new Set('el los las es una para con que del por como puede se más su cómo está'.split(' ')),
  pt: new Set('os uma para com que não por como você pode em são da mais seu está'.split(' ')),
  it: new Set('il gli è una per con che non di come può sono della più questo'.split(' ')),
  pl: new Set('jest nie się na że jak dla przez oraz może są ten to'.split(' ')),
  tr: new Set('bir ve bu için ile olarak daha nasıl değil gibi olan'.split(' ')),
};
/** Fewer common words than this decide nothing. */
const WORDS_MIN = 2;

const LANGUAGES: ReadonlySet<string> = new Set(
  'ar az bn cs da de el en es fa fi fr he hi hu id it ja ko nl no pl pt ro ru sv th tr uk uz vi zh'.split(' '),
);

/** The two-letter name of a text's language; null when it does not show. */
export function languageOf(text: string): string | null {
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  if (letters === 0) return null;
  for (const [script, language] of SCRIPTS) {
    if ((text.match(script)?.length ?? 0) / letters >= SCRIPT_SHARE_MIN) return language;
  }
  const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
  let best: string | null = null;
  let most = WORDS_MIN - 1;
  for (const [language, common] of Object.entries(WORDS)) {
    const count = words.filter((word) => common.has(word)).length;
    if (count > most) {
      most = count;
      best = language;
    }
  }
  return best;
}

/** The language that a folder of the path names, as translated documentation is kept; null when none does. */
export function languageInPath(path: string): string | null {
  const folders = path.split('/').slice(0, -1);
  const named = folders.find(
    (folder) =>
      LANGUAGES.has(folder.toLowerCase().split(/[-_]/, 1)[0] ?? '') && /^[a-z]{2}(?:[-_][a-z]{2,4})?$/i.test(folder),
  );
  return named?.slice(0, 2).toLowerCase() ?? null;
}

/** Of a path with a language in it the path without, by which translations of one document are known. */
export function untranslated(path: string): string {
  const language = languageInPath(path);
  if (language === null) return path;
  return path.replace(new RegExp(`(^|/)${language}(?:[-_][a-z]{2,4})?/`, 'i'), '$1*/');
}
