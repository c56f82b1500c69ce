/** Which tools run for whom: the file's form, and what is decided without one. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { defaultPolicy, PolicyError, parsePolicy } from '../../../actors/roles/tools/policy.ts';
import type { Door, Share } from '../../../schemas/events/generated.ts';
import { openPolicy } from '../../../services/adapters/tool-policy.ts';

const once = { name: 'http_post_once', fence: 'once' } as const;
const keyed = { name: 'http_post', fence: 'keyed' } as const;
const pure = { name: 'calculator', fence: 'pure' } as const;
const by = (door?: Door, caller = 'bob'): Share => ({
  caller,
  priority: 'normal',
  ...(door === undefined ? {} : { door }),
});

describe('without a file', () => {
  test.each<[Door | undefined]>([['mcp'], ['grpc'], ['a2a'], ['dapr'], [undefined]])(
    'by the door %s what acts outside asks, and nothing else does',
    (door) => {
      for (const tool of [once, keyed]) expect(defaultPolicy.decide(tool, by(door))).toBe('ask');
      expect(defaultPolicy.decide(pure, by(door))).toBe('allow');
    },
  );

  test('the owner at the command line has asked for it already; a name alone is nobody', () => {
    expect(defaultPolicy.decide(once, by('cli', 'mesh run'))).toBe('allow');
    expect(defaultPolicy.decide(once, by('grpc', 'mesh run'))).toBe('ask');
    expect(defaultPolicy.decide(once, by(undefined, 'mesh run'))).toBe('ask');
  });

  test('a task of before there was a policy keeps what it was promised', () => {
    expect(defaultPolicy.decide(once, undefined)).toBe('allow');
  });
});

describe('a file', () => {
  const policy = parsePolicy(
    JSON.stringify({
      rules: [
        { callers: ['ci', 'team-*'], doors: ['grpc', 'a2a'], tools: ['issues.*', 'http_post'], decision: 'allow' },
        { doors: ['log'], decision: 'deny' },
        { callers: ['ci'], tools: ['calculator'], decision: 'ask' },
      ],
    }),
  );
  const decide = (name: string, share: Share) => policy.decide({ name, fence: 'once' }, share);

  test('the first rule that fits decides, in all that it names', () => {
    expect(decide('issues.close', by('grpc', 'ci'))).toBe('allow');
    expect(decide('http_post', by('a2a', 'team-red'))).toBe('allow');
    expect(decide('http_post', by('mcp', 'ci'))).toBe('ask');
    expect(decide('http_post', by('grpc', 'steam-red'))).toBe('ask');
    expect(decide('http_post_once', by('grpc', 'ci'))).toBe('ask');
    expect(policy.decide(pure, by(undefined))).toBe('deny');
    expect(policy.decide(pure, by('grpc', 'ci'))).toBe('ask');
    expect(policy.decide(pure, by('grpc'))).toBe('allow');
  });

  test('nothing but * stands for something else', () => {
    const dotted = parsePolicy('{"rules":[{"tools":["a.b|c"],"decision":"deny"}]}');
    expect(dotted.decide({ name: 'a.b|c', fence: 'pure' }, by('grpc'))).toBe('deny');
    for (const name of ['axb|c', 'a.b', 'c']) expect(dotted.decide({ name, fence: 'pure' }, by('grpc'))).toBe('allow');
  });

  test.each([
    ['{"rules":', /not JSON/],
    ['{}', /rules/],
    ['{"rules":[{"decision":"maybe"}]}', /rules\.0\.decision/],
    ['{"rules":[{"decision":"deny","tool":["x"]}]}', /tool/],
    ['{"rules":[{"decision":"deny","doors":["window"]}]}', /rules\.0\.doors\.0/],
    ['{"rules":[{"decision":"deny","tools":[]}]}', /rules\.0\.tools/],
    ['[]', /^the file: /],
    [
      '{"rules":[{"decision":"deny",\n"decision":"allow"}]}',
      /^rules\.0\.decision: it stands there twice \(again in line 2\)/,
    ],
  ])('%s is no policy', (text, why) => {
    expect(() => parsePolicy(text)).toThrow(PolicyError);
    expect(() => parsePolicy(text)).toThrow(why);
  });
});

describe('the file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-policy-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'policy.json');
  const deny = (...tools: string[]) => JSON.stringify({ rules: [{ tools, decision: 'deny' }] });
  const told: string[] = [];
  const log = {
    info: (_fields: object, message: string) => void told.push(message),
    error: (_fields: object, message: string) => void told.push(message),
  };
  const open = () => openPolicy({ TOOLS_POLICY: path }, log);
  const write = (text: string): void => {
    writeFileSync(`${path}.next`, text, { mode: 0o600 });
    renameSync(`${path}.next`, path);
  };
  afterEach(() => {
    told.length = 0;
    rmSync(path, { recursive: true, force: true });
  });

  test('counts from the moment it changes; one that goes wrong changes nothing, and says so', () => {
    write(deny('calculator'));
    const policy = open();
    const decided = () => policy.decide(pure, by('cli'));
    expect([decided(), policy.problem()]).toEqual(['deny', null]);
    write(deny('clock'));
    expect([decided(), told]).toEqual(['allow', ['the policy of tools has changed and counts from now on']]);
    write('{"rules": [');
    expect(policy.decide({ name: 'clock', fence: 'pure' }, by('cli'))).toBe('deny');
    expect(policy.problem()).toMatch(/policy\.json: is not JSON: .*; what it said before still counts$/);
    rmSync(path);
    expect([decided(), policy.problem()]).toEqual(['allow', expect.stringContaining('no such file')]);
    write(`\uFEFF${deny('calculator')}`);
    expect([decided(), policy.problem()]).toEqual(['deny', null]);
  });

  test('names the tools in it that there are not', () => {
    write(deny('calculater', 'http_*', 'issues.*', 'clock'));
    expect(open().unknown(['calculator', 'clock', 'http_get'])).toEqual(['calculater', 'issues.*']);
  });

  test('another may not write to it, not even later', () => {
    write(deny('calculator'));
    const policy = open();
    chmodSync(path, 0o622);
    expect(policy.problem()).toMatch(
      /others may write to this file and allow themselves every tool; run chmod go-w on it/,
    );
    expect(open).toThrow(PolicyError);
    chmodSync(path, 0o644);
    expect([policy.decide(pure, by('cli')), policy.problem()]).toEqual(['deny', null]);
  });

  test.each([
    ['a folder', () => mkdirSync(path), /is no regular file/],
    ['a pipe, which would never end', () => execFileSync('mkfifo', [path]), /is no regular file/],
    ['not there', () => undefined, /no such file/],
    ['a link to nothing', () => symlinkSync(join(folder, 'nowhere'), path), /no such file/],
  ])('%s is no policy', (_what, make, why) => {
    make();
    expect(open).toThrow(PolicyError);
    expect(open).toThrow(why);
  });
});
