/**
 * Forms of keys and tokens that nothing else has: those of the services with the most users, and of files that hold keys. Owns:
 * the forms. Does not own: what is made up (`secrets.ts`).
 *
 * Each begins with a mark of its service, or has a length and letters that no word has: a form that a sentence or a piece of
 * code may have by chance would hide a useful file.
 */

/** A pattern, and texts of which one is in everything that it matches: without them it need not be tried. */
type Form = readonly [pattern: RegExp, ...marks: string[]];

const FORMS: readonly Form[] = [
  // Keys in files.
  [
    /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:(?!-----END)[\s\S]){0,200}?[A-Za-z0-9+/=]{40}/,
    'PRIVATE KEY',
  ],
  [/"type"\s*:\s*"service_account"[\s\S]{0,400}"private_key/, 'service_account'],
  [/\bAGE-SECRET-KEY-1[0-9A-Z]{50,}/, 'AGE-SECRET-KEY-1'],
  [/\bPuTTY-User-Key-File-\d:[\s\S]{0,400}Private-Lines:/, 'PuTTY-User-Key-File-'],
  [/^\s*PrivateKey\s*=\s*[A-Za-z0-9+/]{43}=\s*$/m, 'PrivateKey'],
  [/\bS[UANOCX]A[A-Z2-7]{55}\b/],
  [/^\$ANSIBLE_VAULT;\d/m, '$ANSIBLE_VAULT;'],
  [/^[\w.-]{1,40}:\$(?:apr1|2[aby]|[156y])\$[\w./$]{20,}/m, ':$'],
  // Clouds.
  [/\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/, 'AKIA', 'ASIA'],
  [/(?:aws_)?secret_?access_?key["']?\s*[=:]\s*["']?[A-Za-z0-9/+]{40}\b/i],
  [/\baws_session_token["']?\s*[=:]\s*["']?[A-Za-z0-9/+=]{100,}/i],
  [/\bABSK[A-Za-z0-9+/]{100,}/, 'ABSK'],
  [/\bAccountKey=[A-Za-z0-9+/]{60,}={0,2}/, 'AccountKey='],
  [/\b[\w.~-]{3}8Q~[\w.~-]{31,34}/, '8Q~'],
  [/[?&]sig=[A-Za-z0-9%+/]{43,}(?:%3D|=)/, 'sig='],
  [/\b[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}\b/, 'AZDO'],
  [/\bAIza[\w-]{35}\b/, 'AIza'],
  [/\bya29\.[\w-]{40,}/, 'ya29.'],
  [/\bGOCSPX-[\w-]{28}/, 'GOCSPX-'],
  [/\b1\/\/0[\w-]{60,}/, '1//0'],
  [/\bAAAA[\w-]{7}:APA91b[\w-]{100,}/, 'APA91b'],
  [/\bdo[opr]_v1_[0-9a-f]{64}\b/, '_v1_'],
  [/\bHRKU-[\w-]{36,}/, 'HRKU-'],
  [/\bdapi[0-9a-f]{32}\b/, 'dapi'],
  [/\bv1\.0-[0-9a-f]{24}-[0-9a-f]{146}\b/, 'v1.0-'],
  [/\b(?:nfp|rnd)_[A-Za-z0-9]{32,}\b/, 'nfp_', 'rnd_'],
  [/\bvercel_blob_rw_[A-Za-z0-9]{16}_[A-Za-z0-9]{30}/, 'vercel_blob_rw_'],
  [/\bf[mo]\d_[\w+/-]{40,}/, 'fo1_', 'fm1_', 'fo2_', 'fm2_'],
  [/\bsbp_[0-9a-f]{40}\b/, 'sbp_'],
  [/\bpscale_(?:tkn|pw|oauth)_[\w.-]{32,}/, 'pscale_'],
  [/\b[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}/, '.atlasv1.'],
  [/\bhv[sbr]\.[\w-]{24,}/, 'hvs.', 'hvb.', 'hvr.'],
  [/\bdp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{40,}/, 'dp.'],
  // Where code is kept and packed.
  [/\bgh[pousr]_[A-Za-z0-9]{36,}\b/, 'ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'],
  [/\bgithub_pat_[A-Za-z0-9_]{60,}\b/, 'github_pat_'],
  [
    /\bgl(?:pat|dt|rt|ft|soat|ptt|agent|cbt|imt)-[\w-]{20,}/,
    'glpat-',
    'gldt-',
    'glrt-',
    'glft-',
    'glsoat-',
    'glptt-',
    'glagent-',
    'glcbt-',
    'glimt-',
  ],
  [/\bATBB[A-Za-z0-9]{32}\b/, 'ATBB'],
  [/\bATATT3[\w=-]{100,}/, 'ATATT3'],
  [/\bnpm_[A-Za-z0-9]{36}\b/, 'npm_'],
  [/:_authToken\s*=\s*(?!\$)[\w-]{20,}/, '_authToken'],
  [/\bpypi-AgEIcHlwaS[\w-]{40,}/, 'pypi-AgEIcHlwaS'],
  [/\brubygems_[0-9a-f]{48}\b/, 'rubygems_'],
  [/\boy2[a-z0-9]{43}\b/, 'oy2'],
  [/\bcio[A-Za-z0-9]{32}\b/, 'cio'],
  [/\bdckr_(?:pat|oat)_[\w-]{24,}/, 'dckr_'],
  [/"auth"\s*:\s*"[A-Za-z0-9+/]{20,}={0,2}"/, '"auth"'],
  // What people talk with.
  [/\bxox[abeprs](?:\.xox[bp])?-[0-9A-Za-z-]{20,}\b/, 'xox'],
  [/\bxapp-\d-[0-9A-Z]+-[0-9A-Za-z-]{20,}/, 'xapp-'],
  [/https:\/\/hooks\.slack\.com\/(?:services|workflows)\/T\w{6,}\/[AB]\w{6,}\/[\w/]{20,}/, 'hooks.slack.com'],
  [/\bdiscord(?:app)?\.com\/api\/webhooks\/\d{16,20}\/[\w-]{60,}/, '/api/webhooks/'],
  [/\b[MNO][A-Za-z\d]{23,25}\.[\w-]{6}\.[\w-]{27,38}\b/],
  [/\b\d{8,10}:AA[\w-]{32,34}\b/, ':AA'],
  [/\bwebhook\.office\.com\/webhookb2\/[\w@-]{60,}\/IncomingWebhook\/[0-9a-f]{32}\b/, 'webhook.office.com'],
  [/\bSG\.[\w-]{16,}\.[\w-]{32,}/, 'SG.'],
  [/\bSK[0-9a-f]{32}\b/, 'SK'],
  [/\bkey-[0-9a-f]{32}\b/, 'key-'],
  [/\b[0-9a-f]{32}-us\d{1,2}\b/, '-us'],
  // Money.
  [/\b(?:sk|rk)_(?:live|test)_[0-9A-Za-z]{16,}/, 'sk_live_', 'rk_live_', 'sk_test_', 'rk_test_'],
  [/\bwhsec_[A-Za-z0-9+/=]{32,}/, 'whsec_'],
  [/\bsq0(?:atp|csp)-[\w-]{22,}/, 'sq0'],
  [/\bEAAA[\w-]{60}\b/, 'EAAA'],
  [/\baccess_token\$(?:production|sandbox)\$[0-9A-Za-z]{16}\$[0-9a-f]{32}\b/, 'access_token$'],
  [/\bshp(?:at|ca|pa|ss)_[0-9a-f]{32}\b/, 'shpat_', 'shpca_', 'shppa_', 'shpss_'],
  // Models.
  [/\bsk-(?:proj|ant|or|svcacct|admin)-[\w-]{24,}/, 'sk-'],
  [/\bsk-(?:[A-Za-z0-9]{40,}|[0-9a-f]{32})\b/, 'sk-'],
  [/\b(?:gsk|hf|r8)_[A-Za-z0-9]{30,}\b/, 'gsk_', 'hf_', 'r8_'],
  [/\bfw_[A-Za-z0-9]{22,}\b/, 'fw_'],
  [/\b(?:xai|pplx|csk)-[A-Za-z0-9]{40,}\b/, 'xai-', 'pplx-', 'csk-'],
  [/\btvly-(?:\w{2,5}-)?[A-Za-z0-9]{32,}\b/, 'tvly-'],
  [/\bnvapi-[\w-]{60,}/, 'nvapi-'],
  [/\bpcsk_[A-Za-z0-9]{5,8}_[A-Za-z0-9]{50,}/, 'pcsk_'],
  [/\blsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}\b/, 'lsv2_'],
  // What teams work with.
  [/\blin_(?:api|oauth)_[A-Za-z0-9]{40,}\b/, 'lin_'],
  [/\bntn_[A-Za-z0-9]{40,}\b/, 'ntn_'],
  [/\bsecret_[A-Za-z0-9]{43}\b/, 'secret_'],
  [/\bpat[A-Za-z0-9]{14}\.[0-9a-f]{64}\b/],
  [/\bfig[dour]_[\w-]{40,}/, 'figd_', 'figo_', 'figu_', 'figr_'],
  [/\bsntry(?:s_[\w+/=-]{60,}|u_[0-9a-f]{64}\b)/, 'sntry'],
  [/\bNRAK-[A-Z0-9]{27}\b/, 'NRAK-'],
  [/\bglsa_[A-Za-z0-9]{32}_[0-9a-f]{8}\b/, 'glsa_'],
  [/\bglc_[A-Za-z0-9+/=]{60,}/, 'glc_'],
  // An address with its password, which a manual writes with a word: letters and digits both.
  [
    /\b(?:postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|redis|rediss|amqps?|https?):\/\/[^\s:@/]*:(?=[^\s@/]*\d)(?=[^\s@/]*[A-Za-z])[^\s@/${}<>]{10,}@(?!localhost\b|127\.|[\w.-]{0,100}\bexample\b)/,
    '://',
  ],
  [/\bjdbc:[^\s"']{5,200}?[?;&]password=(?=[^\s&;"']*\d)(?=[^\s&;"']*[A-Za-z])[^\s&;"'${}<>]{8,}/i, 'jdbc:', 'JDBC:'],
  [/\b(?:User Id|Uid|User)=[^;\n]{1,60};\s*(?:Password|Pwd)=(?=[^;\s]*\d)(?=[^;\s]*[A-Za-z])[^;\s"'${}<>]{8,}/i],
];

const MARKS = [...new Set(FORMS.flatMap(([, ...marks]) => marks))];
/** One pass for all of them: each pattern by itself would go through the whole text. */
const ANY_MARK = new RegExp(MARKS.map((mark) => mark.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')).join('|'), 'g');

/** The patterns that a text may have a match of. */
export function formsIn(text: string): RegExp[] {
  const seen = marksIn(text);
  return FORMS.filter(([, ...marks]) => marks.length === 0 || marks.some((mark) => seen.has(mark))).map(
    ([pattern]) => new RegExp(pattern.source, `g${pattern.flags}`),
  );
}

function marksIn(text: string): Set<string> {
  const seen = new Set<string>();
  ANY_MARK.lastIndex = 0;
  for (let match = ANY_MARK.exec(text); match !== null; match = ANY_MARK.exec(text)) {
    const { index } = match;
    for (const mark of MARKS) if (text.startsWith(mark, index)) seen.add(mark);
    // One may begin inside of another.
    ANY_MARK.lastIndex = index + 1;
  }
  return seen;
}

/** `DB_PASSWORD=…` on a line of its own, as a file of settings has it; the value is its first group. */
export const SET_VALUE =
  /^[ \t>*-]*(?:export[ \t]+|ENV[ \t]+)?[A-Z][A-Z0-9_]*(?:PASSWORD|PASSWD|SECRET|TOKEN|API_KEY|ACCESS_KEY|SECRET_KEY|PRIVATE_KEY)[ \t]*=[ \t]*["']?([A-Za-z0-9+/_=.-]{12,200})["']?[ \t]*$/gm;
