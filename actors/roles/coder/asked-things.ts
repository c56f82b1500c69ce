/**
 * The things that a request asks to have written: "a Python function that reads JSON" asks for a function, and not for JSON.
 * Owns: finding them, and which kinds of things they are. Does not own: what an answer holds (missing-code.ts, code-reply.ts).
 *
 * A thing is the end of what the verb is about: "a data *class* for users", "an *interface* and a *class*". What the things are
 * for, made of or called is no thing that was asked for.
 */

export type Kind = 'body' | 'declaration' | 'test' | 'import' | 'data';

const VERBS =
  /(?:^|[,.:;!?\n]\s*|\b(?:please|you|i|we|to|me|us|should|then|and|now|just)\s+)(?:write|create|make|build|generate|implement|add|provide|define|declare|give|show|need|want|produce|design|develop|draft|program|port|convert|translate|rewrite|complete)\b/i;
/** What follows is about the thing. */
const ABOUT =
  /\b(?:for|in|into|that|which|who|with|without|to|from|using|of|where|whose|so|by|on|as|called|named|taking|returning|like|such|containing|given|when|if)\b|[;:()!?\n"`]|\.(?=\s|$)/i;
const AND = /\s*(?:,|\band\b|\bplus\b|&|\/)\s*/i;
/** Who is to have it, before the thing itself. */
const FILLING = /^(?:(?:me|us|please|up|out|just|only|here|down)\s+)+/i;

const KINDS: readonly (readonly [Kind, RegExp])[] = [
  ['test', /^(?:unit|integration)?-?(?:tests?|specs?)$|^(?:pytest|unittest|jest|vitest|junit|fixtures?|mocks?|tdd)$/i],
  [
    'declaration',
    /^(?:interfaces?|declarations?|headers?|prototypes?|signatures?|types?|typings?|protocols?|traits?|definitions?|d\.ts|schemas?|models?|contracts?|stubs?|dtos?|enums?)$/i,
  ],
  ['import', /^(?:imports?|exports?|re-?exports?|includes?|requires?|barrels?)$/i],
  [
    'data',
    /^(?:json|ya?ml|toml|xml|html5?|css|markdown|dockerfile|\w*config\w*|settings?|manifests?|workflows?|pipelines?|ci|pages?|templates?|styles?|style-?sheets?|themes?|deployments?|compose|package\.json|dependenc\w+|data|dataset|examples?|fixtures?|samples?|documents?|schemas?|requirements)$/i,
  ],
  [
    'body',
    /^(?:functions?|methods?|class(?:es)?|programs?|algorithms?|scripts?|servers?|hooks?|decorators?|middlewares?|endpoints?|handlers?|helpers?|routines?|procedures?|generators?|iterators?|loops?|clis?|parsers?|components?|tools?|bots?|games?|lambdas?|macros?|subroutines?|coroutines?)$/i,
  ],
];

function kindsOf(word: string): Kind[] {
  return KINDS.flatMap(([kind, names]) => (names.test(word) ? [kind] : []));
}

/** The kinds of the things, each by the last word that is known; a name may stand behind it. Empty when none is. */
export function kindsAskedFor(prompt: string): ReadonlySet<Kind> {
  const verb = VERBS.exec(prompt);
  const object = verb === null ? prompt : prompt.slice(verb.index + verb[0].length);
  const things = (object.trim().replace(FILLING, '').split(ABOUT, 1)[0] ?? '').split(AND);
  const kinds = new Set<Kind>(/\bimplement$/i.test(verb?.[0] ?? '') ? ['body'] : []);
  for (const thing of things) {
    const known = thing.trim().split(/\s+/).map(kindsOf);
    for (const kind of known.findLast((one) => one.length > 0) ?? []) kinds.add(kind);
  }
  return kinds;
}

/** Asked for by its name as a thing; where no body is, the request need only speak of it. */
export function isAskedFor(kind: Kind, prompt: string, spokenOf: RegExp): boolean {
  const kinds = kindsAskedFor(prompt);
  return kinds.has(kind) || (!kinds.has('body') && spokenOf.test(prompt));
}
