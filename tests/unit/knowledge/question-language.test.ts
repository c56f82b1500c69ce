/** Who asks in a language reads that language; of translations one is enough. */
import { describe, expect, it } from 'vitest';
import { languageInPath, languageOf, untranslated } from '../../../knowledge/question-language.ts';
import { workspace } from './workspace.ts';

describe('the language of a text', () => {
  it.each([
    ['How do I build a chat with websockets?', 'en'],
    ['Wie wird die Verbindung mit dem Server geöffnet und was ist das?', 'de'],
    ['Comment est-ce que vous ouvrez la connexion avec le serveur ?', 'fr'],
    ['¿Cómo se puede abrir el servidor con una conexión?', 'es'],
    ['WebSocketでチャットを作るには', 'ja'],
    ['如何使用 WebSocket 建立聊天', 'zh'],
    ['웹소켓으로 채팅을 만들기', 'ko'],
    ['Как сделать чат на websockets', 'ru'],
    ['debounceFn()', null],
    ['', null],
  ])('%s: %s', (text, language) => {
    expect(languageOf(text)).toBe(language);
  });

  it('may be named by the path', () => {
    expect(languageInPath('docs/ja/docs/websockets.md')).toBe('ja');
    expect(languageInPath('docs/zh-hant/docs/websockets.md')).toBe('zh');
    expect(languageInPath('src/id/generator.md')).toBe('id');
    expect(languageInPath('docs/websockets.md')).toBeNull();
    expect(untranslated('docs/ja/docs/a.md')).toBe(untranslated('docs/zh-hant/docs/a.md'));
  });
});

describe('a search among translations', () => {
  const english =
    '# WebSockets\n\nTo build a chat with WebSockets you create a websocket in your application and send messages.';
  const files = {
    'docs/en/websockets.md': english,
    'docs/ja/websockets.md': '# WebSockets { #websockets }\n\nWebSockets websockets chat。チャットを作成できます。',
    'docs/de/websockets.md':
      '# WebSockets\n\nWebSockets websockets chat. Der Chat wird mit der Anwendung verbunden und die Nachricht ist da.',
  };
  const index = async () => {
    const { project, open } = workspace(files);
    const store = open();
    await store.index([project]);
    return store;
  };

  it('gives the question’s language first, and one of the translations', async () => {
    const found = await (await index()).search('How do I build a chat with websockets?');
    expect(found.map(({ path }) => path)).toEqual(['project/docs/en/websockets.md']);
  });

  it('in another language gives that one', async () => {
    const store = await index();
    expect((await store.search('Wie wird ein Chat mit WebSockets verbunden?'))[0]?.path).toContain('/de/');
    expect((await store.search('WebSockets でチャットを作成'))[0]?.path).toContain('/ja/');
  });
});
