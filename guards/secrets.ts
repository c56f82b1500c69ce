/**
 * Files that hold keys and passwords. Owns: telling them by their names and by what stands in them. What is found in a
 * knowledge base goes into prompts, and those may go to a hosted model.
 *
 * A name decides for files of settings and state alone: `secrets.md` and `credentials.ts` write about secrets. What stands
 * in a file decides whatever its name is; a made-up token of a manual (EXAMPLE, xxxx) is none.
 */
import { extname } from 'node:path';

const EXTENSIONS = new Set([
  '.pem',
  '.key',
  '.p12',
  '.pfx',
  '.jks',
  '.kdbx',
  '.keystore',
  '.ppk',
  '.ovpn',
  '.asc',
  '.gpg',
  '.secret',
  '.secrets',
  '.env',
  '.tfstate',
  '.tfvars',
  '.htpasswd',
  '.pgpass',
  '.netrc',
  '.jwk',
  '.p8',
]);
/** Files that write about a thing instead of being one. */
const WRITTEN = new Set([
  '.md',
  '.mdx',
  '.rst',
  '.adoc',
  '.html',
  '.htm',
  '.ts',
  '.tsx',
  '.js',
  '.jsx',
  '.mjs',
  '.cjs',
  '.py',
  '.go',
  '.rs',
  '.java',
  '.kt',
  '.rb',
  '.php',
  '.cs',
  '.c',
  '.h',
  '.cpp',
  '.hpp',
  '.swift',
  '.scala',
  '.sql',
  '.sh',
  '.css',
  '.vue',
  '.svelte',
  '.proto',
  '.ipynb',
]);
const NAMES =
  /^id_(?:rsa|dsa|ecdsa|ed25519)(?!.*\.pub$)|(?:^|[._-])(?:secrets?|credentials?|passwords?|passwd|htpasswd|api[_-]?keys?|private[_-]?keys?|service[_-]?account(?:[_-]?keys?)?|kubeconfig|recovery[_-]?codes?|tokens?|keyfile)(?:[._-]|\d|$)|(?:^|[._-])key\.json$|^(?:terraform\.tfstate|auth\.json|local\.settings\.json|kube[._-]?config|_netrc|wallet\.dat|shadow|pgpass|netrc|client_secret.*\.json|.*-firebase-adminsdk-.*\.json|.*\.env\..*|env\.(?:local|prod\w*|dev\w*|staging))/i;

/** Whether a file's name says that it holds a secret. */
export function hasSecretName(fileName: string): boolean {
  const name = fileName.toLowerCase();
  const extension = extname(name);
  if (/\.(?:example|sample|template|dist)$/.test(name)) return false;
  if (EXTENSIONS.has(extension) || /^id_(?:rsa|dsa|ecdsa|ed25519)(?!.*\.pub$)/.test(name)) return true;
  return !WRITTEN.has(extension) && NAMES.test(name);
}

/** Forms of keys and tokens that nothing else has: those of the services with the most users. */
const TOKENS: readonly RegExp[] = [
  /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[\s\S]{0,20}[A-Za-z0-9+/=]{40}/,
  /"type"\s*:\s*"service_account"[\s\S]{0,400}"private_key/,
  /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/,
  /\baws_secret_access_key\s*[=:]\s*["']?[A-Za-z0-9/+]{40}\b/i,
  /\bgh[pousr]_[A-Za-z0-9]{36,}\b/,
  /\bgithub_pat_[A-Za-z0-9_]{60,}\b/,
  /\bglpat-[\w-]{20,}\b/,
  /\bxox[abprs]-[0-9A-Za-z-]{20,}\b/,
  /https:\/\/hooks\.slack\.com\/services\/T\w{6,}\/B\w{6,}\/\w{20,}/,
  /\b(?:sk|rk)_live_[0-9A-Za-z]{16,}/,
  /\bsk-(?:proj|ant|or|svcacct)-[\w-]{24,}/,
  /\bsk-[A-Za-z0-9]{40,}\b/,
  /\bAIza[\w-]{35}\b/,
  /\bya29\.[\w-]{40,}/,
  /\bnpm_[A-Za-z0-9]{36}\b/,
  /\bpypi-AgEIcHlwaS[\w-]{40,}/,
  /\bSG\.[\w-]{16,}\.[\w-]{32,}/,
  /\bhf_[A-Za-z0-9]{30,}\b/,
  /\bdop_v1_[0-9a-f]{64}\b/,
  /\bAccountKey=[A-Za-z0-9+/]{60,}={0,2}/,
  /\bAGE-SECRET-KEY-1[0-9A-Z]{50,}/,
  /\bPuTTY-User-Key-File-\d:[\s\S]{0,400}Private-Lines:/,
  /\bshp(?:at|ca|pa|ss)_[0-9a-f]{32}\b/,
  /\bxapp-\d-[0-9A-Z]+-[0-9A-Za-z-]{20,}/,
  /\bgsk_[A-Za-z0-9]{40,}\b/,
  /\bhv[sbr]\.[\w-]{24,}/,
  /\bglsa_[A-Za-z0-9]{32}_[0-9a-f]{8}\b/,
  /\bsq0(?:atp|csp)-[\w-]{22,}/,
  // A database with its password in the address, which a manual writes with a word: letters and digits both.
  /\b(?:postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|redis|rediss|amqps?):\/\/[^\s:@/]*:(?=[^\s@/]*\d)(?=[^\s@/]*[A-Za-z])[^\s@/${}<>]{10,}@(?!localhost\b|127\.)/,
];
const MADE_UP = /example|sample|dummy|placeholder|your[_-]?|redacted|x{6,}|0{8,}|1234567|abcdef|\.{3}|\*{4}|(.)\1{7}/i;

/** Whether a text holds a key or a token of a known form. */
export function holdsSecret(text: string): boolean {
  // Beside a made-up one there may be one that is not.
  return TOKENS.some((pattern) =>
    [...text.matchAll(new RegExp(pattern.source, `g${pattern.flags}`))].some(([found]) => !MADE_UP.test(found)),
  );
}

/** Also `password = …`: too often about passwords to judge a file by, and cheap to leave out of a text. */
const CALLED =
  'pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|authorization|cookie|bearer';
/** Of a field, as a whole. */
const SECRET_NAME = new RegExp(`(?:${CALLED})$`, 'i');
/** Up to the quote that ends it, also where the quotes are escaped: JSON in the text of JSON. */
const QUOTED = new RegExp(
  `((?:${CALLED})(?:\\\\*["'])?\\s*[=:]\\s*)((\\\\*)(["']))(?!\\2)[\\s\\S]{0,4000}?(?<!\\\\)\\2`,
  'gi',
);
const ASSIGNED = new RegExp(
  `((?:${CALLED})\\\\*["']?\\s*[=:]\\s*\\\\*["']?(?:bearer\\s+|basic\\s+)?)(?!\\[left out\\])((?:[^\\s"',;\\\\]|\\\\(?!["'])){6,})`,
  'gi',
);
const LEFT_OUT = '[left out]';
/** The whole of a private key, not only its beginning. */
const KEY_BLOCK = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]+-----|$)/g;

/** A text with every key and token of a known form, and every value that is called one, replaced. */
export function withoutSecrets(text: string): string {
  let clean = text.replace(KEY_BLOCK, LEFT_OUT);
  for (const pattern of TOKENS) clean = clean.replace(new RegExp(pattern.source, `g${pattern.flags}`), LEFT_OUT);
  clean = clean.replace(QUOTED, `$1$2${LEFT_OUT}$2`).replace(ASSIGNED, `$1${LEFT_OUT}`);
  return clean.replace(/(:\/\/[^\s/:@]+:)[^\s/@]+(@)/g, `$1${LEFT_OUT}$2`);
}

/** The same for a value as JSON has it, whose fields have names of their own: every text below one that is called a secret goes. */
export function valueWithoutSecrets(value: unknown): unknown {
  if (typeof value === 'string') return withoutSecrets(value);
  if (Array.isArray(value)) return value.map(valueWithoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([name, inner]) => [
    name,
    SECRET_NAME.test(name) ? textsLeftOut(inner) : valueWithoutSecrets(inner),
  ]);
  return Object.fromEntries(fields);
}

function textsLeftOut(value: unknown): unknown {
  if (typeof value === 'string') return value === '' ? '' : LEFT_OUT;
  if (Array.isArray(value)) return value.map(textsLeftOut);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, textsLeftOut(inner)]));
}
