/**
 * Refusals of a review in languages other than English. Owns: the phrases, language by language, and what denies them. Does
 * not own: English, and what a refusal comes to (verdict-words.ts).
 *
 * A phrase is one that only a refusal has; that changes are not needed is said with most of the same words, so each is
 * looked at with what stands before it and behind it.
 */

/** Of languages that part words by spaces; a phrase begins at the beginning of a word. */
const PHRASES: readonly string[] = [
  // German
  'abgelehnt|ablehnen|zurückgewiesen|durchgefallen',
  String.raw`nicht (?:so )?(?:merge|akzept|korrekt|richtig|freige|genehmig|zusammenführ|annehm|abnehm|zustimm)\p{L}*`,
  '(?:änderung|korrektur|nachbesserung|überarbeitung)(?:en)? (?:sind |ist )?(?:erforderlich|nötig|notwendig)',
  String.raw`bitte (?:(?!keine?|nicht)[\p{L}]+ ){0,3}(?:überarbeiten|korrigieren|beheben|nachbessern|ändern)`,
  String.raw`(?:muss|müssen) (?:(?!nichts|nicht)[\p{L}\w]+ ){0,4}(?:behoben|geändert|korrigiert|überarbeitet|nachgebessert)`,
  // French
  'refus[ée]e?|rejet(?:é|ée|er)|inacceptable|non approuvée?|à (?:corriger|revoir|refaire|reprendre)',
  String.raw`ne (?:\p{L}+ ){0,2}pas (?:être )?(?:approuv|accept|fusionn|valid)\p{L}*|doit être (?:corrig|modifi)\p{L}*`,
  '(?:modification|correction|changement)s? (?:sont |est )?(?:nécessaires?|requise?s?|demandée?s?)',
  // Spanish
  String.raw`rechaz(?:ad[oa]|ar|o)|no (?:está )?aprobad[oa]|no (?:\p{L}+ ){1,2}(?:aprobar|aceptar|fusionar)\p{L}*`,
  String.raw`(?:necesario|debe|hay que|requiere) (?:\p{L}+ )?corregir|(?:requieren|necesitan|solicitan|faltan?) (?:cambios|correcciones|modificaciones)`,
  '(?:cambios|correcciones) (?:son )?(?:necesari|requerid|solicitad)[oa]s',
  // Portuguese
  String.raw`rejeitad[oa]|recusad[oa]|não aprovad[oa]|não (?:\p{L}+ ){1,2}(?:aprov|aceit|mescl)\p{L}*|precisa (?:de correç|ser corrig)\p{L}*`,
  '(?:mudanças|alterações|correções) (?:são )?(?:necessárias|solicitadas|requeridas)',
  // Italian
  String.raw`rifiutat[oa]|respint[oa]|non approvat[oa]|da correggere|non (?:\p{L}+ ){1,2}(?:approv|accett)\p{L}*`,
  '(?:servono|occorrono|richiedono) (?:modifiche|correzioni|cambiamenti)|(?:modifiche|correzioni) (?:sono )?(?:necessarie|richieste)',
  // Dutch
  String.raw`afgewezen|afgekeurd|niet (?:akkoord|goedgekeurd|goedkeuren|accept|samenvoeg|merge)\p{L}*|(?:aanpassing|wijziging)(?:en)? (?:nodig|vereist|gevraagd)`,
  // Polish, Czech and Slovak
  String.raw`odrzucon[eoya]|nie (?:\p{L}+ ){1,2}(?:zatwierdz|zaakcept|scal|przyj)\p{L}*|(?:trzeba|należy) (?:\p{L}+ )?poprawić|wymaga(?:ne)? (?:zmian|popraw)\p{L}*`,
  String.raw`zamítnut\p{L}*|neschv\p{L}*|nelze (?:schválit|přijmout|sloučit)|nutné (?:opravit|upravit)|zamietnut\p{L}*`,
  // Swedish, Norwegian and Danish
  String.raw`avvisa[dt]|avvist|afvist|underkän\p{L}*|(?:inte|ikke) (?:\p{L}+ )?(?:godk|accepter|aksepter)\p{L}*|(?:ändringar|endringer|ændringer) (?:krävs|kreves|kræves|behövs|nødvendige)`,
  // Turkish, Finnish, Hungarian, Romanian
  String.raw`reddedil\p{L}*|reddediyorum|onaylan(?:amaz|madı)|onaylamıyorum|kabul edilemez|(?:düzeltilmesi|değişiklik|düzeltme) gerek(?!mez|miyor|mem|siz)\p{L}*`,
  String.raw`hylät\p{L}*|ei (?:\p{L}+ )?hyväksy\p{L}*|korjattava|vaatii (?:muutoksia|korjauksia)`,
  String.raw`elutasít\p{L}*|nem (?:fogadható el|hagyható jóvá|fogadom el)|javítani kell|respins\p{L}*|nu (?:\p{L}+ ){1,2}aprob\p{L}*|necesită (?:modific|corect)\p{L}*`,
  // Indonesian, Vietnamese
  'ditolak|tidak (?:dapat |bisa )?(?:disetujui|diterima)|perlu (?:perbaikan|diperbaiki|perubahan)|không (?:chấp nhận|phê duyệt|duyệt|đồng ý)|từ chối|cần (?:sửa|chỉnh)',
  // Greek
  String.raw`απορρίπτ\p{L}*|δεν (?:εγκρίν|μπορώ να εγκρίν)\p{L}*|χρειάζ(?:εται|ονται) (?:αλλαγές|διόρθωση|διορθώσεις)`,
];
/** Of the others: Russian and Ukrainian, Chinese, Japanese, Korean, Arabic, Persian, Hebrew, Hindi, Thai. */
const ELSEWHERE: readonly string[] = [
  'отклон|не одобр|не принят|не могу (?:одобрить|принять)|нельзя (?:одобр|прин|слив)|(?<!не )нужно исправить|необходимо исправить|(?<!не )требу(?:ют|ет)ся (?:изменени|исправлени|доработк)',
  'відхил|не схвал|не можу (?:схвалити|прийняти)|(?<!не )потрібн[оі] (?:зміни|виправ)',
  '拒[绝絕]|[驳駁]回|不通[过過]|未通[过過]|退回|打回|(?:不(?:能|可|应|應|建议|建議|予)|无法|無法)(?:合[并併]|合入|接受|批准|通[过過]|使用)|(?<!不|无|無)需要?(?:修改|修复|修復|改进|改進|修正)|[请請](?:修改|修复|修復|改正|更正|修正)|必[须須](?:修改|修复|修復|修正)|(?<!没|沒)有(?:安全|严重|嚴重)*漏洞|存在(?:安全|严重|嚴重|注入)*(?:漏洞|[风風][险險])|不合格',
  '却下|差し戻|不承認|承認(?:でき|し)ません|修正が必要(?!あり|では|な)|要修正|修正してください|マージ(?:できません|しないで)',
  '거부|반려|수정이 필요(?! ?없|하지)|수정해(?: 주세요|야)|승인할 수 없',
  'مرفوض|لا يمكن (?:الموافقة|قبول|دمج)|(?<!لا )يجب (?:إصلاح|تصحيح|تعديل)|غير مقبول|قابل قبول نیست|نیاز به (?:اصلاح|تغییر)(?! ن)',
  'נדחה|לא (?:מאושר|ניתן לאשר)|(?<!לא )דורש (?:תיקון|שינויים)',
  'अस्वीक|स्वीकार नहीं|सुधार(?:ने)? की (?:आवश्यकता|ज़रूरत)(?! नहीं)|ไม่ผ่าน|ไม่อนุมัติ|(?<!ไม่)ต้องแก้ไข',
];
const WORDS = new RegExp(String.raw`(?<!\p{L})(?:${PHRASES.join('|')})(?!\p{L})`, 'giu');
const OTHERS = new RegExp(ELSEWHERE.join('|'), 'giu');
/** Right before a phrase it says that there is no need. */
const NO_NEED =
  /(?<!\p{L})(?:keine?|nichts?|sin|no|ningun[oa]?s?|pas de|aucune?s?|rien|sem|não(?: há| são)?|nenhuma?s?|nessuna?|senza|non|geen|nie|inga|ingen|bez|není|ne|ei|nem|nu|tidak|không|gerekmez|δεν)\s+(?:\p{L}+\s+){0,2}$/iu;
/** The other half of a denial that begins with the phrase itself: that is the refusal. */
const DENIES_ITSELF = /^(?:ne|no|não|non|niet|nicht|nie|inte|ikke|ei|nem|nu|tidak|không|δεν)\s/iu;

/** The same of scripts without spaces. */
const NONE_OF = /(?:没有|沒有|无需|無需|不需要?|不必|未发现|未發現|没发现|並無|并无|不)(?:任何|什么|什麼|明显|明顯)?$/u;
/** In the same clause: it is input that is refused, and not the code. */
const ABOUT_INPUT =
  /(?<!\p{L})(?:eingabe|wert|argument|anfrage|entrées?|entradas?|valeurs?|valor|paramètre|parámetro|parâmetro|promes|input|invoer|invio|wejści|danych|dane|syöt|girdi|giriş|indata)\p{L}*|ввод|входн|значен|аргумент|введен|введён|вхідн|输入|輸入|参数|參數|入力|引数|입력|인자|인수|مدخل|इनपुट/iu;

export function refusesElsewhere(text: string): boolean {
  const said = (index: number, length: number): boolean => !ABOUT_INPUT.test(clauseAround(text, index, length));
  return (
    [...text.matchAll(OTHERS)].some(
      ({ index, 0: phrase }) =>
        !NONE_OF.test(text.slice(Math.max(0, index - 8), index)) &&
        (!TURNED_AWAY.test(phrase) || said(index, phrase.length)),
    ) ||
    [...text.matchAll(WORDS)].some(
      ({ index, 0: phrase }) =>
        (DENIES_ITSELF.test(phrase) || !NO_NEED.test(text.slice(Math.max(0, index - 40), index))) &&
        (!TURNED_AWAY.test(phrase) || said(index, phrase.length)),
    )
  );
}

/** What code does to input as people do to code. */
const TURNED_AWAY =
  /^(?:abgelehnt|ablehnen|zurückgewiesen|refus|rejet|rechaz|rejeit|recus|rifiut|respint|odrzuc|afgewezen|avvis|afvis|zamít|reddedil|hylät|elutas|respins|ditolak|απορρ|отклон|не принят|відхил|拒|驳回|駁回|却下|거부|반려|مرفوض|अस्वीक)/iu;

function clauseAround(text: string, index: number, length: number): string {
  const before =
    text
      .slice(0, index)
      .split(/[.!?;,，。！？；、\n]/u)
      .at(-1) ?? '';
  const after = text.slice(index + length).split(/[.!?;,，。！？；、\n]/u, 1)[0] ?? '';
  return `${before} ${after}`;
}

/** Words for a severity that nobody merges. */
export const SERIOUS_ELSEWHERE =
  /^(?:kritisch|schwer|hoch|grave|critique|élevée?|bloquante?|crític[oa]|critic[oa]|alt[oa]|bloqueante|bloccante|hoog|krytyczn|wysok|kritisk|hög|критич|высок|серь[её]зн|严重|嚴重|致命|重大|高|심각|치명)/iu;
