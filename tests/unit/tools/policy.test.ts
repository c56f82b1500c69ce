/** Which tools run for whom: the file's form, and what is decided without one. */
import { describe, expect, test } from 'vitest';
import { defaultPolicy, PolicyError, parsePolicy } from '../../../actors/roles/tools/policy.ts';
import type { Door, Share } from '../../../schemas/events/generated.ts';

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
  ])('%s is no policy', (text, why) => {
    expect(() => parsePolicy(text)).toThrow(PolicyError);
    expect(() => parsePolicy(text)).toThrow(why);
  });
});
