/**
 * What the words of a review say: refusal, approval, or neither. Owns: the words, in the languages that models answer in.
 * Does not own: the forms of a review (verdict.ts).
 *
 * 1. Any clear refusal is one, wherever it stands; a question is no statement, and a defect that is denied or handled is none.
 * 2. An approval that rests on a condition is a refusal: what is to be done first has not been done.
 * 3. An approval with a defect behind it is a refusal; with a remark behind it, it stays one.
 */

import { refusesInEnglish } from './refusal-phrases.ts';
import { approvesElsewhere, refusesElsewhere } from './verdict-languages.ts';

export type Said = 'refused' | 'approved' | null;

/** A word or two that stand for a verdict on their own. */
const REFUSED =
  /^(?:not[ -]?(?:approved?|accept(?:ed|able)?|ok(?:ay)?|good|ready|passed|correct|lgtm|merge\w*)|dis?approved?|un(?:approved|acceptable|safe|correct)|reject(?:ed|ion)?|refused?|den(?:y|ied)|declined?|block(?:ed|er|ing)?|fail(?:ed|ure|ing|s)?|nac?k|no(?=[.,;:!-]|\s*$|\s+go\b)|nope|never|negative|false|bad|poor|wrong|incorrect|insecure|broken|incomplete|revise|revision|rework|redo|hard pass|no[ -]?go|absolutely not|thumbs down|withheld|return(?:ed)? to author|send (?:it|this) back|conditional\w*|hold(?: off)?|not yet|(?:request(?:ed|s|ing)?|needs?|requires?|make|with|pending|minor|major)?[ -]*(?:changes?|work|revisions?|fix(?:es)?|improvements?|rework)(?:[ -]*(?:requested|required|needed|necessary))?)(?![\p{L}\p{N}_])/iu;
/** An approval of a form of its own, which is none before something is done. */
const HALF_APPROVED =
  /^(?:approved?|accept(?:ed)?) (?:with (?!no\b|out|(?:minor |small |optional |some )*(?:remarks?|comments?|nits?|notes?|suggestions?|praise))|after\b|once\b|pending\b|subject to\b|conditional|if\b|but\b)|^["'`]?<?(?:approved?|accepted|lgtm|pass(?:ed)?|ready(?: to merge)?|(?:can be |safe to )?merged?|mergeable|ok|correct|acceptable)["'`]?\s*[:=>]\s*["'`]?(?:false|no?|0|f)\b/iu;
const APPROVED =
  /^(?:approv(?:e|ed|al)|accept(?:ed|able)?|lgtm|ok(?:ay)?|pass(?:ed|es)?|yes|true|good|fine|correct|ship(?: it)?|merge(?:able)?|looks good|all good|no (?:issues?|problems?|findings?|(?:further )?changes(?: needed| required)?)|genehmigt|freigegeben|akzeptiert|approuv[ée]e?|accept[ée]e?|aprobad[oa]|aprovad[oa]|aceptad[oa]|approvat[oa]|accettat[oa]|goedgekeurd|akkoord|zatwierdzon[oey])(?![\p{L}\p{N}_])|^(?:одобрен|принят|通过|批准|同意合并|承認|승인)/iu;
const SIGNS_AGAINST = /👎|🔴|❌|✖|🚫|⛔|🛑|✗|✘|(?:^|\s)-[12](?=\s*(?:$|[.,:;]))/u;
const SIGNS_FOR = /^(?:👍|✅|✔|☑|🚀|💯|\+[12](?=\s*(?:$|[.,:;])))/u;

/** A row of a table of checks. */
const FAILED_ROW = /\|\s*(?:\*\*)?(?:fail(?:ed|s)?|reject(?:ed)?)(?:\*\*)?\s*(?:\||$)/im;
/** Something stands under a heading of what has to go, or in a row of a table that weighs it. */
const HEADED =
  /^#{1,6}[^\p{L}\n]*(?:critical|blocking|blockers?|must[- ]fix|high severity|major)\b[^\n]*\n+[ \t]*(?:[-*+]|\d+[.)])[ \t]+(?!(?:none|nothing|no)\b|n\/a)\S|\|[ \t*]*(?:critical|high|blocker|major|severe)[ \t*]*(?:\||$)/imu;
/** What a person would not merge, when prose names it as being there. */
const DEFECTS =
  /\b(?:vulnerab\w*|injections?|exploit\w*|security (?:holes?|flaws?|issues?|problems?|risks?)|catastrophic\w*|insecure|unsafe|leaks?|leaking|race condition|dead ?locks?|infinite (?:loop|recursion)|off[- ]by[- ]one|(?:introduc|caus)(?:es?|ing) (?:an? )?(?:[\w-]+ )?regressions?|overflows?|use[- ]after[- ]free|null pointer|data loss|bugs?|buggy|incorrect(?:ly)?|wrong(?:ly)?|broken|incomplete|unfinished|crash(?:es)?|will (?:fail|crash|throw|hang|break|loop)|fails? (?:for|when|if|on|to)|divides? by zero|division by zero|missing|undefined behaviou?r|never (?:(?:returns?|terminates?|ends?)(?! (?:null|none|nil|undefined|nan|an? (?:empty|negative|invalid|null|error)|negative|empty|invalid|less|more|early|twice|before)\b)|closes?|awaits?|frees?)|hard-?coded|plain ?text|swallow(?:s|ed)|the opposite of|(?:serious|critical|severe|major|significant|fatal|blocking) (?:[\w-]+ )?(?:problems?|issues?|flaws?|errors?|concerns?|defects?)|(?:have|has|raise[sd]?) (?:[\w-]+ )?concerns?|ignor(?:es|ing) (?:the |its |an? )?(?:[\w-]+ )?(?:arguments?|parameters?|errors?|inputs?|results?|return values?|requirements?|requests?))\b/giu;
/** Right before a defect it says that there is none, or that it is taken care of. */
const NEGATION =
  /\b(?:no|not|without|free of|free from|avoids?|prevents?|never|none|nothing|isn't|aren't|doesn't|don't|any|zero|0|handl(?:es?|ed|ing)|guards?(?: against)?|against|detects?|reports?|tolerates?|catch(?:es)?|validates?|protects?|fix(?:es|ed)|resolv(?:es|ed)|solv(?:es|ed)|remov(?:es|ed)|replac(?:es|ed)|(?<!\b(?:i|we|you|one|reviewer?|analysis) )(?:finds?|looks for|scans for)|identif(?:y|ies)|flags|counts?|demonstrates?|simulates?)\b(?:[ ,/-]+[\w']+){0,4}[ ,/-]*$/i;
/** Right before a defect it says that there can be none. */
const IMPOSSIBLE = /\b(?:cannot|can ?not|can't|can never|won't|will not|will never) (?:ever |really |actually )?$/i;
/** Before it: what the code makes of input that is so. */
const ANSWERED =
  /\b(?:throws?|raises?|rejects?|panics?|errors?|complains?|returns? (?:null|none|nil|undefined|false|nan|-?\d+|an? error|an? default|an? empty|an? `?err`?|''|""))\b[^.!?\n,;]*\b(?:when|if|for|on|where)\b[^.!?\n,;]*$/i;
/** Such input. */
const OF_INPUT = /^(?:missing|incorrect|wrong|broken|incomplete|unfinished|unsafe|overflows?)$/i;
/** Behind it: it was there, and is no more; or it is dealt with. */
const SETTLED =
  /^[^.!?\n]{0,60}?\b(?:is|are|was|were|has been|have been|got) (?:now |already |all )?(?:fixed|resolved|solved|gone|corrected|addressed|removed|handled|caught|rejected|detected|refused|reported|guarded|tolerated)\b/i;
/** Behind it: there is none, or can be none. */
const NONE_BEHIND =
  /^[^.!?\n]{0,40}?(?:\b(?:is|are|was|were) (?:not possible|impossible|avoided|prevented|excluded|unlikely|ruled out|not (?:an issue|a concern))\b|\b(?:cannot|can't|can not) (?:happen|occur|arise)\b|: (?:none|no|0)\b|\b(?:found|saw|see|there (?:are|is|were|was)) (?:none|nothing)\b|[- ]free\b)/i;
/** Before it: it is not settled yet. */
const WHEN = /\b(?:when|once|if|until|unless|after|before|only|should|must)\b[^.!?\n]*$/i;
/** Of a defect that the code is asked to bring about, or that is only about other input. */
const INTENDED = /^[^.!?\n]{0,80}\b(?:as (?:asked|requested|required|intended|expected|specified)|by design)\b/i;
const APPROVALS =
  /(?:^|[.!:;,\n(–—-]\s*|\b(?:it|this|that|code|and|so|all|i|we|i'm|everything|overall|looks|that's|is|are) )(?:lgtm|looks? (?:good|fine|correct|great|ok(?:ay)?|right)|(?:is |i |we |can be |hereby )*(?:approve|approved|approving)(?= (?:this|it|the|of|as|with|without)\b|\s*(?:$|[.,;:!)]))|(?:is |can be )?accept(?:ed|able)|(?:entirely |fully |all |completely |functionally )?(?:correct|fine|good|right|ok(?:ay)?|sound)(?=\s*(?:$|[.,;:!)]| and | to | for | as ))|no (?:(?:further|obvious|major|other) )?(?:issues?|problems?|bugs?|errors?|concerns?|changes?|findings?)(?: (?:were )?(?:found|needed|necessary|required))?|(?:found|see|find) no (?:issues?|problems?|bugs?|errors?)|good to (?:go|merge)|ship it|works (?:correctly|as (?:expected|asked|intended)))/iu;
/** On what an approval rests. */
const CONDITIONS =
  /\b(?:once|(?:but |only )?after (?:the|you|it|this|that|fixing|adding|these)|provided(?: that)?|as long as|on (?:the )?condition|conditional\w*|subject to|pending|until|unless|if you (?:first |can )?(?:fix|add|change|remove|handle|escape|correct)|only if|only when (?:the|you)|if (?:it|this|that|they|all|everything|the \w+) (?:compiles?|pass(?:es)?|works?|holds?|runs?)|assuming (?:you|that you)|with the following (?:changes|fixes))\b/iu;
/** Otherwise a condition is one of the code: "loops until the queue is empty". */
const ABOUT_APPROVING =
  /\b(?:approv\w*|accept\w*|merg\w*|ship\w*|lgtm|good|fine|ok(?:ay)?|ready|sign\w*|go(?:od)?|conditional\w*|subject to|pending|condition|you|we|fix\w*|add(?:ed|ing)?|chang\w*|remov\w*|correct\w*|tests?|review\w*|ci|clean\w*|following|compiles?|pass(?:es)?|works?|addressed)\b/i;
/** What follows it takes part of the approval back, unless it is only a wish. */
const EXCEPTIONS =
  /\b(?:but|except(?: that| for)?|however|though|although|yet|apart from|aside from|wait|actually)\b/iu;
const WISH =
  /\b(?:could|might|may|consider|optional\w*|nits?|minor|suggest\w*|style|naming|would be nice|nice to have|not blocking|non-blocking|cosmetic|prefer|small|tiny|docs?|comments?)\b/i;
/** Said of what may as well stay. */
const ONLY_A_WISH =
  /\b(?:could|might|may want|consider|optional(?:ly)?|nits?|would be nice|nice to have|not blocking|non-blocking)\b/i;
const ACTION_LEFT =
  /\b(?:must|has to|have to|needs? to|should|required?|fix|before (?:merging|it|you)|first|only|fail(?:s|ed|ing)?|hangs?|leaks?|dead ?locks?|crash(?:es|ed|ing)?|breaks?|broken|throws?|divides?|loses?|skips?|forgets?|lacks?|does not|doesn't|isn't|is not|cannot|can't|never|wrong|incorrect)\b/i;
const PLACEHOLDER = /\bapproved?["'`]?\s*(?:\||\/|or)\s*["'`]?(?:reject\w*|changes[ _]requested|refused?|not)/gi;

/** Typographic quotes and the words of field names, as they are looked for here. */
function plainWords(text: string): string {
  return text.replace(/[’‘ʼ]/g, "'").replace(/[“”„]/g, '"').replace(/[‐‑‒]/g, '-').replace(PLACEHOLDER, ' ');
}

/** The field of a verdict: `changes_requested`, `Reject`, `approved with changes`. */
export function wordOf(raw: string): Said {
  const word = plainWords(raw)
    .replace(/_/g, ' ')
    .trim()
    .replace(/^[^\p{L}\p{N}👎👍❌✅🚫⛔🛑✔✗✘+-]+/u, '');
  if (SIGNS_AGAINST.test(word)) return 'refused';
  if (isDenied(word) || phrasesRefuse(word)) return 'refused';
  return APPROVED.test(word) || SIGNS_FOR.test(word) ? 'approved' : null;
}

function isDenied(word: string): boolean {
  if (HALF_APPROVED.test(word)) return true;
  return (
    REFUSED.test(word) && !/^(?:no (?:issues?|problems?|findings?|changes|further)|never (?:fails|throws))/i.test(word)
  );
}

function phrasesRefuse(text: string): boolean {
  return refusesElsewhere(text) || FAILED_ROW.test(text) || refusesInEnglish(text);
}

/** Whether the text refuses by a phrase; a question says nothing. */
export function refuses(raw: string): boolean {
  const text = statements(plainWords(raw));
  return SIGNS_AGAINST.test(text) || phrasesRefuse(text) || isLowScore(text);
}

/** Whether the text names a defect as being there. */
export function hasDefect(raw: string): boolean {
  const text = statements(plainWords(raw));
  return [...text.matchAll(DEFECTS)].some(({ index, 0: word }) => {
    const before = text.slice(Math.max(0, index - 60), index);
    const after = text.slice(index + word.length);
    if (NEGATION.test(before) || IMPOSSIBLE.test(before) || NONE_BEHIND.test(after) || INTENDED.test(after))
      return false;
    if (OF_INPUT.test(word) && ANSWERED.test(before)) return false;
    return !SETTLED.test(after) || WHEN.test(before);
  });
}

/** Whatever weight a finding is given: it says itself that nothing goes in before it is dealt with. */
const BLOCKS =
  /\b(?:(?:must|has to|have to|needs? to) be \w+ (?:before|first)\b|(?:must|has to|have to|needs? to|should|please|fix|add|remove|escape|validate|correct|address|handle|rename|replace|change)\b[^.!?\n]{0,80}\bbefore (?:merging|shipping|deploying|(?:the |a )?release|(?:this|it) (?:can be|is) merged)|(?:(?:this|it|code|change|patch|pr)\b[^.!?\n]{0,30}\b|^)(?:do not|don't|cannot|can't) (?:be )?merged?\b|blocks? (?:the )?(?:merge|release)|(?:is a|this is) blocker)/i;

export function blocksMerge(raw: string): boolean {
  const text = statements(plainWords(raw));
  return BLOCKS.test(text) && !ONLY_A_WISH.test(text);
}

const HOLES = /\b(?:vulnerab\w*|injections?|exploitable|insecure|remote code execution|path traversal)\b/gi;

/** Whatever weight it is given: nobody merges a hole. */
export function hasHole(raw: string): boolean {
  const text = plainWords(raw);
  return [...text.matchAll(HOLES)].some(({ index, 0: word }) => {
    const before = text.slice(Math.max(0, index - 60), index);
    return !NEGATION.test(before) && !IMPOSSIBLE.test(before) && !NONE_BEHIND.test(text.slice(index + word.length));
  });
}

/** An approval that is taken back in the same breath. */
export function takesBack(raw: string): boolean {
  const text = statements(plainWords(raw));
  if (text.split(/(?<=[.!\n])/).some((sentence) => CONDITIONS.test(sentence) && ABOUT_APPROVING.test(sentence)))
    return true;
  const found = EXCEPTIONS.exec(text);
  if (found === null) return false;
  const rest = text.slice(found.index + found[0].length);
  const sentence = /^[^.!?\n]*/.exec(rest)?.[0] ?? '';
  // What is named as an exception is not approved.
  const isExcepted = /^(?:except|apart|aside)/i.test(found[0]);
  return (isExcepted || ACTION_LEFT.test(sentence)) && !WISH.test(sentence);
}

/** Prose decides only when it is plain; a model's name for a defect that is there is plain enough. */
export function proseSays(raw: string): Said {
  const text = chosenAmong(statements(plainWords(raw)).trim());
  const opening = text
    .replace(/^[^\p{L}\p{N}👎👍❌✅🚫⛔🛑✔☑✗✘🚀💯+-]+/u, '')
    .replace(
      /^(?:(?:final |my |overall |code[ -])?(?:verdict|decision|review|result|conclusion|recommendation|status|outcome)(?:[^\p{L}\p{N}👎👍❌✅🚫⛔🛑✔+-]|-(?!\d))+)+/iu,
      '',
    );
  const first = opening.split(/\n/, 1)[0]?.slice(0, 80) ?? '';
  if (wordOf(first) === 'refused' || HEADED.test(text) || refuses(text) || hasDefect(text)) return 'refused';
  const approved = APPROVED.test(opening) || SIGNS_FOR.test(opening) || APPROVALS.test(text) || approvesElsewhere(text);
  if (!approved) return null;
  return takesBack(text) ? 'refused' : 'approved';
}

/** Lines of a form: what is not ticked is not said. */
const UNTICKED = /^[^\n[(☐□]{1,40}(?:\[ ?\]|\( ?\)|☐|□)[ \t]*$|(?:\[ ?\]|\( ?\)|☐|□)[^\n[(☐□☑☒]*/gm;
const TICKS = /\[[xX✓✔]\]|\([xX•*]\)|☑|☒/gu;
/** "Accept/Reject:", "Pass/Fail:": what may be said stands before what is. */
const CHOICES =
  /^(\W*)(?:accept|approve|pass|yes|y|merge|lgtm)\w* ?\/ ?(?:reject|refuse|deny|fail|no|n|block)\w*(?= ?[:=])/gim;

function chosenAmong(text: string): string {
  const ticked = text.search(TICKS) === -1 ? text : text.replace(UNTICKED, '').replace(TICKS, '');
  return ticked.replace(CHOICES, '$1verdict').trim();
}

/** Without what is asked: "Should I approve this?" approves nothing. */
function statements(text: string): string {
  return text
    .split(/(?<=[.!?\n])(?![.!?])/)
    .filter((sentence) => !sentence.endsWith('?'))
    .join('');
}

/** `3/10`, `2 out of 5 stars`, `Grade: F`: below the half it is a refusal; above it no approval. */
function isLowScore(text: string): boolean {
  const found =
    /\b(?:score|rating|rated?|overall|grade|quality)\b[^\d\n]{0,20}(\d+(?:\.\d+)?)\s*(?:\/|out of)\s*(\d+)/i.exec(text);
  if (found !== null) return isLow(Number(found[1]), Number(found[2]));
  const each = [
    ...text.matchAll(/^[ \t]*(?:[-*+|] ?)?[*_]*[\p{L} ]{2,30}[*_]*[:|] *(\d+(?:\.\d+)?) ?(?:\/|out of) ?(\d+)\b/gimu),
  ];
  if (each.some(([, score, most]) => isLow(Number(score), Number(most)))) return true;
  const share = /\b(?:score|rating|overall|grade|quality)\b[^\d\n]{0,20}(\d+(?:\.\d+)?)\s*%/i.exec(text);
  if (share !== null) return isLow(Number(share[1]), 100);
  const stars = /[★☆⭐]{3,10}/u.exec(text)?.[0];
  if (stars?.includes('☆')) return isLow([...stars].filter((one) => one !== '☆').length, [...stars].length);
  if (/\b(?:grade|mark)\b\W{1,4}[DEF][+-]?(?![\p{L}\p{N}])/iu.test(text)) return true;
  const bare = /^\W*(\d+(?:\.\d+)?)\s*(?:\/|out of)\s*(\d+)\b/i.exec(text);
  return bare !== null && isLow(Number(bare[1]), Number(bare[2]));
}

export function isLow(score: number, most: number): boolean {
  return most > 0 && score >= 0 && score <= most && score / most < 0.5;
}
