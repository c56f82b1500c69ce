/** Questions in other scripts and spellings than English, and with signs that a query language would read. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { openSqliteStore, type SqliteStore } from '../../../knowledge/sqlite-store.ts';
import { formsOf } from '../../../knowledge/word-forms.ts';

const FILES = {
  'retry.md': '# Retries\n\nA failed request is tried again with exponential backoff. Set `retryDelayMs`.',
  'reset.md': '# Passwords\n\nTo reset a forgotten password, follow the link in the e-mail.',
  'de.md': '# Kündigung\n\nDer Vertrag kann gekündigt werden. Die Straße ist anzugeben.',
  'zh.md': '# 安装\n\n使用 npm 安装软件包。数据库连接超时的时候，请检查防火墙设置。',
  'ja.md': '# 認証\n\nパスワードを忘れた場合は、アカウントページで再設定してください。',
  'ko.md': '# 네트워크\n\n방화벽 설정을 확인하고 데이터베이스를 다시 시작하세요.',
  'ru.md': '# Резервное копирование\n\nРезервные копии хранятся тридцать дней. Ёлка.',
  'ar.md': '# الدفع\n\nيمكن الدفع ببطاقة الائتمان أو التحويل المصرفي.',
  'th.md': '# การติดตั้ง\n\nติดตั้งด้วยคำสั่งนี้แล้วเริ่มเซิร์ฟเวอร์ใหม่',
  'tr.md': '# İADE\n\nÜrünü otuz gün içinde iade edebilirsiniz. IŞIK.',
  'flags.md': '# Flags\n\nRun with `--no-cache`. Version v2.3.1 fixed issue #4521. See RFC 7231 and CVE-2024-1234.',
  'math.md': '# Formula\n\nThe naïve approach costs more. Schrödinger, ﬁle.',
} as const;

let store: SqliteStore;
beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-words-'));
  const docs = join(folder, 'docs');
  mkdirSync(docs);
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(docs, name), text);
  store = openSqliteStore(join(folder, 'k.db'));
  await store.index([docs]);
  return () => {
    store.close();
    rmSync(folder, { recursive: true });
  };
});

test.each([
  ['防火墙', 'zh'],
  ['数据库连接超时怎么办', 'zh'],
  ['如何安装', 'zh'],
  ['请', 'zh'],
  ['パスワードを忘れた', 'ja'],
  ['ﾊﾟｽﾜｰﾄﾞ', 'ja'],
  ['데이터베이스 재시작', 'ko'],
  ['елка', 'ru'],
  ['ائتمان', 'ar'],
  ['เซิร์ฟเวอร์', 'th'],
  ['ışık', 'tr'],
  ['STRASSE', 'de'],
  ['kundigung', 'de'],
  ['Schroedinger', 'math'],
  ['file', 'math'],
  ['email', 'reset'],
  ['ｐａｓｓｗｏｒｄ', 'reset'],
  ['pass\u00adword', 'reset'],
  ['back-off', 'retry'],
  ['retry_delay_ms', 'retry'],
  ['retry-delay-ms', 'retry'],
  ['rfc7231', 'flags'],
  ['#4521', 'flags'],
  ['CVE-2024-1234', 'flags'],
  ['password NOT reset', 'reset'],
  ['NEAR(password reset, 5)', 'reset'],
  ['{text heading}: password', 'reset'],
  ['"unclosed password', 'reset'],
  ["password' OR 1=1 --", 'reset'],
  ['\ud800password', 'reset'],
])('%s is found in %s', async (question, name) => {
  expect((await store.search(question))[0]?.path).toBe(`docs/${name}.md`);
});

test('plain English has no forms beside its words, but for what is hyphenated', () => {
  expect(formsOf('The quick brown fox')).toBe('');
  expect(formsOf('A well-known e-mail')).toBe('wellknown | email');
});
