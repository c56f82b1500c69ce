/**
 * Phrases by which a review refuses, in English. Owns: the phrases, and what stands around one that only tells what the code
 * does ("rejects negative numbers", "you do not use eval"). Does not own: other languages (verdict-languages.ts), defects and
 * what a refusal comes to (verdict-words.ts).
 */

const NOT = `(?:can ?not|can't|won't|do not|don't|would not|wouldn't|should not|shouldn't|must not|not going to|unable to|not able to) (?:in good conscience )?(?:be )?`;
/** What is judged, or nothing: "do not use this", "should not be merged." */
const THE_CHANGE = String.raw`(?= (?:this|it|that|as|yet|in (?:its|this|prod\w*)|until|without|before|now|like|your|(?:the|these|those) (?:code|change|patch|pr|pull|diff|implementation|function|class|solution|version|submission|request)s?)\b|\s*(?:$|["'.,;:!)]))`;
const WORKS = `(?:work|compile|run|do what|meet|satisfy|solve|fulfil|implement|match|address|pass|handle|terminate|return|check|validate|close|escape)`;
const BE_DONE = `(?:fixed|changed|corrected|rewritten|reworked|replaced|removed|addressed|sanitized|sanitised|escaped|parameteri[sz]ed|validated|closed|handled|redone)`;
const FAULTS = `(?:problems?|issues?|bugs?|errors?|flaws?|concerns?)`;

const PHRASES: readonly string[] = [
  'i (?:would |must |have to |will )?(?:reject|refuse|decline)',
  '(?:is|are|be|been|being) (?:rejected|refused|declined)(?! (?:with|by|when|if|as|early|at|in|before|and))',
  String.raw`\breject(?:ed|ing)?\b(?! (?:invalid|bad|wrong|the input|input|promise|it with|with|null|empty|negative|non|unknown|malformed|by|when|if|early|at|in|before|and))`,
  String.raw`${NOT}(?:approve|ship|sign|recommend|endorse)\w*`,
  `${NOT}(?:accept|merge|use|deploy)(?:e?d)?${THE_CHANGE}`,
  `(?:rather|better) not (?:merge|ship|use|accept|approve)|(?:recommend|advise|vote|am|argue) against (?:merging|accepting|approving|using|shipping|this|it|the)`,
  String.raw`(?:(?:this|that|it|which) is|it's|that's) (?:an? )?(?:blocker|mess|show ?stopper|deal ?breaker)|(?:not|isn't) (?:quite |yet )?there(?: yet)?(?=\s*(?:$|[.,;:!]))|no cigar`,
  `(?:this|that|it|code) (?:is|are) (?:garbage|terrible|awful|horrible|useless)|(?:terrible|awful|horrible) (?:code|idea|solution|implementation)`,
  String.raw`(?:cannot|can't|can not|must not|may not|should not|won't) (?:take this|go in\b|land|be landed)|(?:breaks?|would break|will break) (?:the |our |your )?(?:build|production|prod|ci|api|tests?|main|master)(?=\s*(?:$|[.,;:!]))`,
  String.raw`(?:syntax|compile|compilation|type|runtime|reference|name|indentation) errors? (?:on|in|at) line|undefined (?:variable|name|function|symbol|reference)|you (?:forgot|forget|neglected|failed) to|(?:it|this|code|function|class) lacks(?! nothing)|(?<=^|\n|[.!] |- |\d[.)] )lacks(?! nothing)`,
  String.raw`not thread[- ]safe|not what (?:was|is|i)|(?:returns?|computes?|implements?|calculates?|gives|prints|sorts|does) [^.!?\n,;]{1,40}(?: instead of|, not)(?= (?!more|less)\w)`,
  String.raw`not (?:approved|acceptable|ready|mergeable|production[- ]ready|correct|safe|secure|comfortable|convinced|happy|good enough|what (?:was|is|were|the|you|i)\b)`,
  String.raw`(?:isn't|(?:don't|do not|doesn't) (?:think|believe|feel|look|seem|consider)\b[^.,;!?\n]{0,20}) (?:quite |yet )?(?:ready|done|finished|mergeable|acceptable)`,
  "let's not (?:merge|ship|deploy|use)|(?:have to|must|will) say no",
  String.raw`(?:would|will|must) block(?: (?:this|it|the (?:merge|change|pr|patch|release))|(?=\s*(?:$|[.,!])))|block(?:ing)? (?:this|the) (?:merge|change|pr|patch)|blocking this`,
  `(?:it|this|that|code|solution|implementation|function|which|also|and) fails? the (?:requirement|task|test|check)s?(?! (?:when|if|with|early|and returns))`,
  '(?:request(?:ing|s|ed)?|needs?|requir(?:es?|ing)|demands?) (?:some |more |further |major |several |the following |significant |another |an? )*(?:changes?|fix(?:es|ing)?|revisions?|rework|work|corrections?|round|iteration)',
  String.raw`(?:needs?|requir(?:es?|ing)) (?:another|an?|one more) (?:more )?(?:pass|attempt)(?=\s*(?:$|["'.,;:!)]| by | from | at it| before))`,
  String.raw`(?:must|has to|have to|needs to) change(?! (?:nothing|no\b))`,
  `(?:must|has to|have to|needs? to|should|ought to) be ${BE_DONE}(?! by (?:the |its |a )?(?:caller|user|client)s?)`,
  'please (?:fix|change|correct|rewrite|address|revise|redo)|changes? (?:are |is )?(?:requested|required|needed|necessary)',
  `do(?:es)? not ${WORKS}|doesn't ${WORKS}`,
  "(?:won't|will not|would not) (?:pass|work|compile|run|terminate|return)",
  String.raw`nack|fix (?:the|this|that|it|these|those|all)\b.{0,60}\b(?:first|before)|back to the drawing board|send (?:it|this) back`,
  String.raw`sign-?off (?:is )?withheld|thumbs down|hard pass|no-go|not lgtm|(?:conditional|withhold(?:ing)?|no) (?:approval|sign-?off)|not yet|hold(?:ing)? off|a no from me|disapprov\w*|would (?:be )?approve[ds]?`,
  '(?:should|can|must|may) not go|(?:tests?|build|it|this) would fail',
  String.raw`severity\W{1,4}(?:critical|high|blocker|major|severe)|(?<=^|\n|[.!] )(?:problem|issue|concern|blocker|bug|defect)s?(?=:)`,
  String.raw`i (?:see|found|have|spotted|noticed) (?:an?|some|several|two|three|\d+) (?:[\w-]+ )?${FAULTS}`,
  String.raw`there (?:is|are|were) (?:an? |some |several |many |multiple |a few |two |three |\d+ )(?!minor|small|tiny|cosmetic|style|stylistic|optional)(?:[\w-]+ )?${FAULTS}`,
];
const REFUSALS = new RegExp(String.raw`\b(?:${PHRASES.join('|')})(?!\w)`, 'giu');
/** Right before it: what is denied, and what would be so otherwise. A comma parts it: "No, it needs changes." */
const DENIAL =
  /\b(?:no|not|without|nothing|never|none|isn't|aren't|doesn't|don't)\b(?: [\w']+){0,2} *$|\b(?:without|otherwise)\b[^.!?\n]{0,40}$/i;
/** Behind it: it is meant to be so, or is so already. */
const MEANT =
  /^[^.!?\n;]{0,80}(?:\b(?:as (?:asked|requested|required|intended|expected|specified|it should)|by design|(?:was|is|were) (?:not |n't )(?:asked|required|requested|needed)|which (?:is|was) (?:good|fine|right|correct|what (?:is|was) asked|not (?:asked|required|needed)))|,? (?:and|which) (?:the |it |this |that )?(?:[\w-]+ ){0,3}(?:does|do)(?: (?:that|so|this|not))?(?=\s*(?:$|["'.;)]))|,? and it (?:is|does)(?: not|n't)?(?=\s*(?:$|["'.;)])))/i;

export function refusesInEnglish(text: string): boolean {
  return [...text.matchAll(REFUSALS)].some(
    ({ index, 0: phrase }) =>
      !DENIAL.test(text.slice(Math.max(0, index - 60), index)) && !MEANT.test(text.slice(index + phrase.length)),
  );
}
