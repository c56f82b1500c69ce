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
/** A fault is there, or the work is not done: said of the code in as many words. */
const FAULTS: readonly string[] = [
  String.raw`(?:es gibt|da ist|da sind|enthält|hat|habe) (?:(?!keine?[rn]?|nicht)\p{L}+ ){0,3}(?:fehler|bugs?|problem|probleme|schwachstellen?|sicherheitslücken?)\p{L}*|fehlerhaft|funktioniert (?:so )?nicht|nicht (?:gut|fertig|bereit)`,
  String.raw`il y a (?:une?|des|plusieurs|\d+) (?:\p{L}+ )?(?:erreurs?|failles?|bugs?|problèmes?|vulnérabilités?)|n'est pas (?:prête?|bon|correct)\p{L}*|ne (?:fonctionne|marche|compile) pas`,
  String.raw`hay (?:una?|varios|varias|algunos|\d+) (?:\p{L}+ )?(?:error(?:es)?|fallos?|bugs?|problemas?|vulnerabilidad(?:es)?)|no está list[oa]|no (?:funciona|compila)`,
  String.raw`c'è (?:un|una) (?:\p{L}+ )?(?:errore|bug|problema|falla|vulnerabilità)|ci sono (?:errori|problemi)|non (?:è pronto|funziona|compila)`,
  String.raw`há (?:um|uma|vários|\d+) (?:\p{L}+ )?(?:erros?|bugs?|problemas?|falhas?|vulnerabilidades?)|não está pront[oa]|não (?:funciona|compila)`,
  String.raw`er (?:zit|is|staat) een (?:\p{L}+ )?(?:fout|bug|probleem|lek)|er zijn fouten|werkt niet|jest (?:\p{L}+ )?(?:błąd|problem|luka)|są błędy|nie działa`,
  String.raw`det (?:finns|er|är) (?:ett?|en|flere|flera) (?:\p{L}+ )?(?:fel|feil|fejl|problem|bug)\p{L}*|fungerar inte|hata var|sorun var|çalışmıyor|ada (?:kesalahan|bug|masalah)|có (?:lỗi|vấn đề|lỗ hổng)`,
];
/** A word that is all of the answer. */
const NO_ALONE =
  /^[^\p{L}\p{N}]*(?:nein|non|não|nej|nei|nie|nee|ne|hayır|нет|ні|いいえ|だめ|ダメ|不行|不可以|不可|否|아니요|아니오|لا|לא|नहीं|ไม่)(?:です)?[^\p{L}\p{N}]*$/iu;
/** Of the others: Russian and Ukrainian, Chinese, Japanese, Korean, Arabic, Persian, Hebrew, Hindi, Thai. */
const ELSEWHERE: readonly string[] = [
  'отклон|не одобр|не принят|не могу (?:одобрить|принять)|нельзя (?:одобр|прин|слив)|(?<!не )нужно исправить|необходимо исправить|(?<!не )требу(?:ют|ет)ся (?:изменени|исправлени|доработк)',
  'відхил|не схвал|не можу (?:схвалити|прийняти)|(?<!не )потрібн[оі] (?:зміни|виправ)',
  '拒[绝絕]|[驳駁]回|不通[过過]|未通[过過]|退回|打回|(?:不(?:能|可|应|應|建议|建議|予)|无法|無法)(?:合[并併]|合入|接受|批准|通[过過]|使用)|(?<!不|无|無)需要?(?:修改|修复|修復|改进|改進|修正)|[请請](?:修改|修复|修復|改正|更正|修正)|必[须須](?:修改|修复|修復|修正)|(?<!没|沒)有(?:安全|严重|嚴重)*漏洞|存在(?:安全|严重|嚴重|注入)*(?:漏洞|[风風][险險])|不合格',
  '却下|差し戻|不承認|承認(?:でき|し)ません|修正が必要(?!あり|では|な)|要修正|修正してください|マージ(?:できません|しないで)',
  '거부|반려|수정이 필요(?! ?없|하지)|수정해(?: 주세요|야)|승인할 수 없',
  'مرفوض|لا يمكن (?:الموافقة|قبول|دمج)|(?<!لا )يجب (?:إصلاح|تصحيح|تعديل)|غير مقبول|قابل قبول نیست|نیاز به (?:اصلاح|تغییر)(?! ن)',
  'נדחה|לא (?:מאושר|ניתן לאשר)|(?<!לא )דורש (?:תיקון|שינויים)',
  '(?:есть|имеется|содержит) (?:ошибк|проблем|уязвимост|баг)|не готов|не работает|нужно доработать|(?<!не )плох[оа]|(?<!не )є (?:помилк|проблем|вразлив)',
  '(?<!没|沒)有(?:一个|一個|些|多个|多個)?(?: ?bug|问题|問題|错误|錯誤|缺陷)|存在(?:错误|錯誤|问题|問題|缺陷|bug)|(?:代码|代碼)有(?:误|誤)|不同意|否[决決]|不可以(?:合|接)',
  '(?:問題|バグ|誤り|エラー|脆弱性|不具合)が(?:あります|ある(?!場合|とき|時|か))|リジェクト|(?:문제|버그|오류|취약점)가 있(?:습니다|어요|다)|반대합니다',
  '(?<!لا )(?:يوجد|هناك|فيه) (?:خطأ|مشكلة|ثغرة)|יש (?:שגיאה|בעיה|באג)|मंज़ूर नहीं',
  'अस्वीक|स्वीकार नहीं|सुधार(?:ने)? की (?:आवश्यकता|ज़रूरत)(?! नहीं)|ไม่ผ่าน|ไม่อนุมัติ|(?<!ไม่)ต้องแก้ไข',
];
const WORDS = new RegExp(String.raw`(?<!\p{L})(?:${PHRASES.join('|')})(?!\p{L})`, 'giu');
const FAULTY = new RegExp(String.raw`(?<!\p{L})(?:${FAULTS.join('|')})(?!\p{L})`, 'giu');
const OTHERS = new RegExp(ELSEWHERE.join('|'), 'giu');
/** Right before a phrase it says that there is no need. */
const NO_NEED =
  /(?<!\p{L})(?:keine?|nichts?|sin|no|ningun[oa]?s?|pas de|aucune?s?|rien|sem|não(?: há| são)?|nenhuma?s?|nessuna?|senza|non|geen|nie|inga|ingen|bez|není|ne|ei|nem|nu|tidak|không|gerekmez|δεν)\s+(?:\p{L}+\s+){0,2}$/iu;
/** The other half of a denial that begins with the phrase itself: that is the refusal. */
const DENIES_ITSELF = /^(?:ne|no|não|non|niet|nicht|nie|inte|ikke|ei|nem|nu|tidak|không|δεν)\s/iu;

/** Right before it: what the code does when it comes to that. */
const WHEN =
  /(?<!\p{L})(?:wenn|falls|si|s'|cuando|quand|lorsqu'|quando|se|als|wanneer|jeśli|gdy|om|när|når|hvis|eğer|jika|nếu|εάν|если|когда|якщо|коли|إذا|אם|अगर)\s*$|(?:如果|若|一旦|当|當)\p{L}{0,6}$/iu;
/** The same of scripts without spaces. */
const NONE_OF = /(?:没有|沒有|无需|無需|不需要?|不必|未发现|未發現|没发现|並無|并无|不)(?:任何|什么|什麼|明显|明顯)?$/u;
/** In the same clause: it is input that is refused, and not the code. */
const ABOUT_INPUT =
  /(?<!\p{L})(?:eingabe|wert|argument|anfrage|entrées?|entradas?|valeurs?|valor|paramètre|parámetro|parâmetro|promes|input|invoer|invio|wejści|danych|dane|syöt|girdi|giriş|indata)\p{L}*|ввод|входн|значен|аргумент|введен|введён|вхідн|输入|輸入|参数|參數|入力|引数|입력|인자|인수|مدخل|इनपुट/iu;

export function refusesElsewhere(text: string): boolean {
  const before = (index: number, chars: number): string => text.slice(Math.max(0, index - chars), index);
  const meansCode = ({ index, 0: phrase }: RegExpExecArray): boolean =>
    !TURNED_AWAY.test(phrase) || !ABOUT_INPUT.test(clauseAround(text, index, phrase.length));
  const isSaid = (found: RegExpExecArray): boolean =>
    (DENIES_ITSELF.test(found[0]) || !NO_NEED.test(before(found.index, 40))) && meansCode(found);
  const isThere = ({ index }: RegExpExecArray): boolean => !WHEN.test(before(index, 20));
  return (
    NO_ALONE.test(text) ||
    [...text.matchAll(OTHERS)].some(
      (found) => !NONE_OF.test(before(found.index, 8)) && isThere(found) && meansCode(found),
    ) ||
    [...text.matchAll(WORDS)].some(isSaid) ||
    [...text.matchAll(FAULTY)].some((found) => isSaid(found) && isThere(found))
  );
}

/** At the beginning of a sentence or a clause; a refusal anywhere comes before it. */
const APPROVED =
  /(?<=^|[.!:;,。！，、：\n]\s*)(?:genehmigt|freigegeben|akzeptiert|angenommen|approuvé|accepté|validé|aprobado|aceptado|aprovado|aceito|approvato|accettato|goedgekeurd|akkoord|zatwierdzon[oey]|schváleno|godkän[dt]|godkendt|godkjent|onaylandı|hyväksytty|jóváhagyva|aprobat|disetujui|chấp nhận|εγκρίνεται|одобрено|принято|схвалено|通过|通過|批准|同意|承認し(?:ます|ました)|승인합니다)(?!\p{L})/iu;

export function approvesElsewhere(text: string): boolean {
  return APPROVED.test(text);
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
