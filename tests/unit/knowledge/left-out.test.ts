/** What a project keeps to itself stays out of the knowledge base, and people's documents come in. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { hasSecretName, holdsSecret } from '../../../guards/secrets.ts';
import type { IndexSummary } from '../../../knowledge/port.ts';
import { workspace } from './workspace.ts';

const reasons = ({ skipped }: IndexSummary) => Object.fromEntries(skipped.map(({ path, reason }) => [path, reason]));

describe('.gitignore and .ignore', () => {
  it('bind what is below them, the last that matches decides, and what they leave out is named', async () => {
    const { project, write, open } = workspace({
      '.gitignore': '*.tmp.md\n/generated/\n!kept.tmp.md\n',
      'a.tmp.md': 'Zebra one.',
      'kept.tmp.md': 'Zebra two.',
      'generated/b.md': 'Zebra three.',
      'docs/generated/c.md': 'Zebra four.',
      'docs/.ignore': 'draft-*\n',
      'docs/draft-d.md': 'Zebra five.',
      'docs/e.md': 'Zebra six.',
    });
    mkdirSync(join(project, '.git'));
    write('.git/info/exclude', 'scratch.md\nkept.tmp.md\n');
    write('scratch.md', 'Zebra eight.');
    write('env/pyvenv.cfg', 'home = /usr');
    write('env/lib/site.md', 'Zebra seven.');
    const store = open();
    const summary = await store.index([project]);
    expect(reasons(summary)).toMatchObject({
      'a.tmp.md': 'ignored',
      generated: 'ignored',
      'docs/draft-d.md': 'ignored',
      env: 'folder-of-a-tool',
      'scratch.md': 'ignored',
    });
    const found = await store.search('zebra', { limit: 10 });
    expect(found.map(({ path }) => path).toSorted()).toEqual(['docs/e.md', 'docs/generated/c.md', 'kept.tmp.md']);
  });

  it('are read as git reads them: with a mark of UTF-8 before them, and by case where its files have one', async () => {
    const { project, open } = workspace({ '.gitignore': '\ufeffa.md\r\nB.md\r\n', 'a.md': 'Zebra.', 'b.md': 'Zebra.' });
    const { skipped } = await open().index([project]);
    const isOneName = ['darwin', 'win32'].includes(process.platform);
    const expected = ['project/.gitignore', 'project/a.md', ...(isOneName ? ['project/b.md'] : [])];
    expect(skipped.map(({ path }) => path)).toEqual(expected);
  });

  it('of the project bind a folder of it, unless that is what they leave out', async () => {
    const { project, open } = workspace({
      '.gitignore': 'private/\n*.draft.md\n',
      'private/a.md': 'Zebra.',
      'docs/b.draft.md': 'Zebra.',
    });
    mkdirSync(join(project, '.git'));
    const store = open();
    expect(await store.index([join(project, 'docs')])).toMatchObject({ added: 0, skipped: [{ reason: 'ignored' }] });
    expect(await store.index([join(project, 'private')])).toMatchObject({ added: 1 });
  });

  it('a file that is ignored later leaves the index', async () => {
    const { project, write, open } = workspace({ 'a.md': 'Zebra.' });
    const store = open();
    await store.index([project]);
    write('.gitignore', 'a.md');
    expect(await store.index([project])).toMatchObject({ removed: 1 });
    expect(await store.search('zebra')).toEqual([]);
  });
});

describe('secrets', () => {
  it.each([
    'prod.env',
    'secrets.yaml',
    'app-secret.json',
    'credentials.json',
    'id_rsa.txt',
    'id_ed25519',
    'api.secret',
    'terraform.tfstate',
    'prod.tfvars',
    'kubeconfig',
    'passwords.txt',
    'service-account.json',
    'server.key',
    'api_keys.toml',
    'client_secret_12.json',
    'gcp-key.json',
    'serviceAccountKey.json',
    'auth.json',
    'local.settings.json',
    '_netrc',
    'recovery-codes.txt',
    'google-services.json',
    'my-firebase-adminsdk-1.json',
    'azureauth.json',
    'a.publishsettings',
    'wp-config.php',
    'ssh_host_ed25519_key',
    'cookies.txt',
    'vault_pass',
    'token.json',
    'access_token.txt',
    'jwt-private.json',
    'ID_RSA',
    'ｉｄ_ｒｓａ',
    'gateway.nk',
    'mesh.creds',
    'old.kdb',
    'keystore.properties',
    'server.key.old',
    'server.key~',
    'prod.tfvars.bak',
    'secrets.yaml.2',
    'credentials (1)',
    'id_rsa copy',
  ])('by name: %s', (name) => {
    expect(hasSecretName(name)).toBe(true);
  });

  it.each([
    'secrets.md',
    'credentials.ts',
    'token.py',
    'id_rsa.pub',
    'prod.env.example',
    'environment.md',
    'tokenizer.json',
    'keyboard.yaml',
    'secretary.txt',
    'config.yaml',
    'monkey.json',
    'oauth.json',
    'kubernetes-config.yaml',
    'design-tokens.json',
    'special_tokens_map.json',
    'token-types.txt',
    'tokens.txt',
    'secrets.md.bak',
    'config.yaml.old',
    'prod.env.example~',
    'creds.md',
    '~',
    '.bak',
  ])('not by name: %s', (name) => {
    expect(hasSecretName(name)).toBe(false);
  });

  const hex = '3fa9c1d27b8e4f605a1c9d3e7f2b8a4c';
  const filler = 'Q7fj2Kd9sLw4Zx8Vb3Nm6Tc1Rp5Yg0Hu';
  it.each([
    `-----BEGIN RSA PRIVATE KEY-----\n${filler}${filler}\n`,
    `-----BEGIN OPENSSH PRIVATE KEY-----\n${filler}${filler}`,
    `key: AKIA${'Q7FJ2KD9SLW4ZX8V'}`,
    `token = ghp_${filler}Ab9d`,
    `stripe_key: sk_live_${filler}`,
    `OPENAI_API_KEY=sk-proj-${filler}`,
    `glpat-${filler}`,
    `xoxb-${filler}`,
    `AIza${filler}Abc`,
    `AccountKey=${filler}${filler}Ab==`,
    `AKIAIOSFODNN7EXAMPLE and AKIA${'Q7FJ2KD9SLW4ZX8V'}`,
    `shpat_${'3fa9c1d27b8e4f605a1c9d3e7f2b8a4c'}`,
    `xapp-1-A01-${filler}`,
    `gsk_${filler}${filler}`,
    `VAULT_TOKEN=hvs.${filler}`,
    `glsa_${filler}_3fa9c1d2`,
    `sq0csp-${filler}`,
    `PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 1\n${filler}`,
    `postgres://app:${filler}@db.internal:5432/shop`,
    `mongodb+srv://app:${filler}@c0.abcde.mongodb.net/x`,
    `https://deploy:${filler}@git.corp.com/r.git`,
    `jdbc:postgresql://db.corp/app?user=app&password=${filler}`,
    `Server=db;User Id=sa;Password=${filler};`,
    `DB_PASSWORD=${filler.slice(0, 12)}`,
    `export DD_API_KEY="${hex}"`,
    `aws_session_token = ${filler.repeat(5)}`,
    `"SecretAccessKey": "${filler}Ab9dEf2h"`,
    `client_secret: abc8Q~${filler}`,
    `?sv=2022-11-02&sig=${filler}Ab9dEf2hKm4%3D&se=2030`,
    `GOCSPX-${filler.slice(4)}`,
    `glrt-${filler}`,
    `ATBB${filler}`,
    `xoxe.xoxp-1-${filler}`,
    `https://discord.com/api/webhooks/987650123409876501/${filler}${filler}`,
    `bot: 1234509876:AA${filler}b`,
    `whsec_${filler}`,
    `SK${hex}`,
    `key-${hex}`,
    `${hex}-us12`,
    `sk-or-v1-${hex}${hex}`,
    `sk-${hex}`,
    `xai-${filler}${filler}`,
    `r8_${filler}`,
    `nvapi-${filler}${filler}`,
    `pcsk_ab9dE_${filler}${filler}`,
    `lin_api_${filler}Ab9dEf2h`,
    `ntn_${filler}Ab9dEf2h`,
    `figd_${filler}Ab9dEf2h`,
    `sntryu_${hex}${hex}`,
    `dckr_pat_${filler}`,
    `dp.pt.${filler}Ab9dEf2h`,
    `dapi${hex}`,
    `//registry.example.com/:_authToken=${hex}`,
    `{"auths":{"a":{"auth":"${filler}=="}}}`,
    `PrivateKey = ${filler}Ab9dEf2hKm4=`,
    `S${'UAQ7FJ2KD4SLW4ZX5VB3NM6TC2RP5YG7HUQ7FJ2KD4SLW4ZX5VB3NM6'}AB`,
    `-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0F\n\n${filler}${filler}`,
    `$ANSIBLE_VAULT;1.1;AES256\n${hex}`,
    `admin:$apr1$ab9dEf2h$${filler.slice(0, 22)}`,
  ])('by what stands in it: %j', (text) => {
    expect(holdsSecret(`# Notes\n\n${text}\n`)).toBe(true);
  });

  it.each([
    'AKIAIOSFODNN7EXAMPLE',
    'sk_live_xxxxxxxxxxxxxxxxxxxx',
    'token = ghp_yourtokenhereyourtokenhereyourtokenhere',
    '-----BEGIN PUBLIC KEY-----',
    'a private key',
    'sk-1234567890abcdef',
    'postgres://user:password@localhost/db',
    'postgres://USER:PASSWORD@HOST:5432/DB',
    `postgres://app:$${'{DB_PASSWORD_2}'}@db.internal/shop`,
    'mongodb://root:rootpassword@mongo:27017',
    'redis://:s3cr3ts3cr3t@localhost:6379',
    'hvs.short',
    hex,
    `sha512-${filler}${filler}==`,
    `data:image/png;base64,${filler}${filler}`,
    `-----BEGIN CERTIFICATE-----\n${filler}${filler}`,
    '-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----',
    'https://user:password@example.com/',
    `https://user:${filler}@example.com/`,
    'DB_PASSWORD=changeme',
    'DB_PASSWORD=MyStr0ngPassw0rd1',
    'API_KEY=<your key here>',
    'NEXT_TOKEN=nextPageToken',
    'const API_KEY = process.env.API_KEY;',
    'npm_config_registry hf_hub_download(repo_id) secret_manager_client_for_projects',
    'PrivateKey = <server private key>',
    '/ghp_[A-Za-z0-9]{36}/',
    '123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11',
  ])('a made-up one is none: %s', (text) => {
    expect(holdsSecret(text)).toBe(false);
  });

  it('are left out and named', async () => {
    const { project, open } = workspace({
      'prod.env': 'DB_PASSWORD=zebra',
      'notes.md': `Zebra. sk_live_${filler}`,
      'a.md': 'Zebra.',
    });
    const store = open();
    expect(reasons(await store.index([project]))).toEqual({
      'project/prod.env': 'secret',
      'project/notes.md': 'secret',
    });
    expect(await store.search('zebra')).toHaveLength(1);
  });
});

describe('documents', () => {
  it('in UTF-16 and Latin-1 are read', async () => {
    const { project, write, open } = workspace({ 'a.md': 'Nothing.' });
    write('utf16.txt', Buffer.from('\uFEFFThe zebra is striped.', 'utf16le'));
    write('latin.txt', Buffer.from('Das Zebra frißt Gras im Café.', 'latin1'));
    const store = open();
    expect((await store.index([project])).skipped).toEqual([]);
    expect((await store.search('zebra café')).map(({ text }) => text)).toEqual(
      expect.arrayContaining(['The zebra is striped.', 'Das Zebra frißt Gras im Café.']),
    );
  });

  it('notebooks give their cells, not their pictures', async () => {
    const picture = { output_type: 'display_data', data: { 'image/png': 'iVBORzebra'.repeat(500) } };
    const notebook = {
      metadata: { language_info: { name: 'python' } },
      cells: [
        { cell_type: 'markdown', source: ['# Zebras\n', 'They run.'] },
        { cell_type: 'code', source: 'run(zebra)', outputs: [picture] },
      ],
    };
    const { project, open } = workspace({ 'a.ipynb': JSON.stringify(notebook) });
    const store = open();
    await store.index([project]);
    const found = await store.search('zebra');
    expect(found.map(({ text }) => text).join('\n')).not.toContain('iVBOR');
    expect(found.some(({ heading, text }) => heading.includes('Cell 2') && text.includes('run(zebra)'))).toBe(true);
  });

  it('of a web page what is seen of it', async () => {
    const page =
      '<!doctype html><html><head><title>Zoo</title><style>p{color:red}</style></head><body><h2>Zebra &amp; Co</h2><p>It&#8217;s <b>striped</b>.</p><script>zebra()</script></body></html>';
    const { project, open } = workspace({ 'a.html': page });
    const store = open();
    await store.index([project]);
    const [first] = await store.search('zebra');
    expect(first?.heading).toContain('Zebra & Co');
    expect(first?.text).toContain('It’s striped.');
    expect(first?.text).not.toMatch(/script|color|<b>/);
  });
});

describe('what was left out', () => {
  it('is kept with its reason, and forgotten when a later run lets it in or no longer finds it', async () => {
    const { project, write, open } = workspace({
      '.gitignore': 'draft.md\n',
      'draft.md': 'Zebra.',
      'keys/id_rsa': 'PRIVATE',
      'yarn.lock': '',
      'a.md': 'Zebra.',
    });
    const store = open();
    const { skipped } = await store.index([project]);
    expect(skipped.length).toBeGreaterThan(2);
    expect(open().leftOut()).toMatchObject([
      { reason: 'hidden', count: 1, paths: ['project/.gitignore'] },
      { reason: 'ignored', count: 1, paths: ['project/draft.md'] },
      { reason: 'lock-file', count: 1 },
      { reason: 'secret', count: 1, paths: ['project/keys/id_rsa'] },
    ]);
    write('.gitignore', '');
    rmSync(join(project, 'yarn.lock'));
    await store.index([project]);
    expect(store.leftOut().map(({ reason }) => reason)).toEqual(['hidden', 'secret']);
  });

  it('of one place says nothing of another, nor of one whose name begins alike', async () => {
    const { project, write, open } = workspace({ 'docs/a.lock': '', 'docs2/b.lock': '', 'docs/c.md': 'Zebra.' });
    const store = open();
    await store.index([project]);
    rmSync(join(project, 'docs', 'a.lock'));
    rmSync(join(project, 'docs2', 'b.lock'));
    write('docs/d.lock', '');
    await store.index([join(project, 'docs')]);
    expect(store.leftOut()).toMatchObject([{ count: 2, paths: ['docs/d.lock', 'project/docs2/b.lock'] }]);
  });

  it('of a file from before it was kept is empty, and the file keeps what it holds', async () => {
    const { project, database, open } = workspace({ 'a.md': 'Zebra.' });
    const store = open();
    await store.index([project]);
    store.close();
    const older = new Database(database);
    older.exec('DROP TABLE skipped');
    older.close();
    const again = open();
    expect(again.leftOut()).toEqual([]);
    expect(again.stats().files).toBe(1);
  });
});
