/** No message of a refused setting tells a secret. Owns: one planted in every setting, in every form that is refused. */
import { describe, expect, it } from 'vitest';
import { readSettings, secretNames, settingNames, shownUrl } from '../../../config/settings.ts';

const SECRET = 'hunter2';
/** A password in an address, also one that was written so that nothing can read the address. */
const addresses = [
  `ftp://mesh:${SECRET}@127.0.0.1:1`,
  `nats://mesh:${SECRET}@`,
  `nats://mesh:${SECRET}`,
  `mesh:${SECRET}@127.0.0.1`,
  `nats://mesh:a,${SECRET}@h:1,b`,
  `nats://mesh:${SECRET}/x@127.0.0.1:1`,
  `ftp://h/?key=${SECRET}`,
  `nats://ok:1,${SECRET}@h`,
];

function messageOf(name: string, value: string): string | null {
  try {
    readSettings({ [name]: value });
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe('a refused setting', () => {
  it.each(settingNames)('%s shows no password of an address', (name) => {
    for (const value of addresses) expect(messageOf(name, value) ?? '').not.toContain(SECRET);
  });
  it.each(secretNames)('%s shows nothing of its value', (name) => {
    for (const value of [SECRET, ` ${SECRET}`, `x\n${SECRET}`, `${SECRET.repeat(9)} ä`])
      expect(messageOf(name, value) ?? '').not.toContain(SECRET);
  });
  it.each(secretNames.filter((name) => !name.endsWith('SIGNING_KEY')))(
    '%s has nothing that a header may not have: whoever sends it would show it whole in an error',
    (name) => {
      for (const bad of ['\n', ' ', '\u0000', 'ä', '€', '\u007f'])
        expect(messageOf(name, `${SECRET.repeat(3)}${bad}${SECRET}`)).toMatch(
          new RegExp(`^${name}=\\(not shown\\): must have letters`),
        );
      expect(messageOf(name, ` ${SECRET.repeat(3)}\n`)).toBeNull();
    },
  );
  it('is still named, with what is allowed', () => {
    expect(messageOf('MESH_MCP_TOKEN', SECRET)).toBe('MESH_MCP_TOKEN=(not shown): must have at least 16 characters');
    expect(messageOf('NATS_URL', 'http://127.0.0.1:4222')).toMatch(
      /^NATS_URL=http:\/\/127\.0\.0\.1:4222: must be nats/,
    );
    expect(messageOf('MESH_NATS_PORT', 'x')).toMatch(/^MESH_NATS_PORT=x: /);
  });
  it('knows every setting that sounds like a secret', () => {
    const sounds = settingNames.filter(
      (name) => /TOKEN|SECRET|PASSWORD|API_KEY|SIGNING_KEY/.test(name) && !/_TOKENS$/.test(name),
    );
    expect(sounds).toEqual([...secretNames]);
  });
});

describe('an address that is shown', () => {
  it.each([
    [`nats://mesh:${SECRET}@a:1,nats://b:2`, 'nats://a:1,nats://b:2'],
    [`nats://${SECRET}@[::1]:4222`, 'nats://[::1]:4222'],
    ['nats://127.0.0.1:4222', 'nats://127.0.0.1:4222'],
    [`https://u:${SECRET}@h/v1?k=${SECRET}#${SECRET}`, 'https://h/v1'],
  ])('%s is %s', (given, shown) => {
    expect(shownUrl(given)).toBe(shown);
  });
});
