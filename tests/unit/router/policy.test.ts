/** What is decided, given what an engine says and how the mesh is. Every case says why, in words. */
import { describe, expect, test } from 'vitest';
import { decided, decideWith, FULL, GONE, health, OPTIONS, saying, WORKFLOWS } from './support/deciding.ts';

describe('a sure engine', () => {
  test.each(WORKFLOWS)('%s is taken', async (workflow) => {
    const decision = await decideWith(saying({ [workflow]: 0.9 }))('x');
    expect(decision).toMatchObject({ decision: workflow, confidence: 0.9, fallback: false, engine: 'embedded' });
    expect(decision.reason).toBe('a test says so');
    expect(Object.values(decision.probabilities).reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 3);
  });
});

describe('the threshold', () => {
  test('below it the fallback is taken, and both numbers are said', async () => {
    const decision = await decideWith(saying({ build: 0.45, tool: 0.4 }))('x');
    expect(decision).toMatchObject({ decision: 'answer', fallback: true, confidence: 0.45 });
    expect(decision.reason).toBe('no route is sure enough (build has 45 %, the threshold is 50 %)');
  });

  test.each([
    [0, 'build', false],
    [0.45, 'build', false],
    [0.46, 'answer', true],
    [1, 'answer', true],
  ])('%f: %s', async (threshold, workflow, fallback) => {
    const decision = await decideWith(saying({ build: 0.45 }))('x', { threshold });
    expect(decision).toMatchObject({ decision: workflow, fallback });
  });
});

describe('a wish', () => {
  test('is granted without asking the engine', async () => {
    const engine = { name: 'embedded', weigh: () => Promise.reject(new Error('not to be asked')) };
    expect(await decideWith(engine)('hi', { situation: { wish: 'build' } })).toMatchObject({
      ...{ decision: 'build', confidence: 1, fallback: false, engine: 'caller', probabilities: { build: 1 } },
      reason: 'the caller asked for it',
    });
  });

  test('is granted though a role is gone: the task waits, and says so', async () => {
    const decision = await decideWith(saying({}))('hi', {
      situation: { wish: 'tool' },
      roles: health({ tools: GONE }),
    });
    expect(decision).toMatchObject({ decision: 'tool', fallback: false });
    expect(decision.reason).toBe('the caller asked for it; it waits: tools is not there (it has been silent for 12 s)');
  });

  test('for what there is not is weighed, and said to be no such workflow', async () => {
    const decision = await decideWith(saying({ build: 0.9 }))('x', { situation: { wish: 'poetry' } });
    expect(decision).toMatchObject({ decision: 'build', fallback: true });
    expect(decision.reason).toBe('there is no workflow poetry; a test says so');
  });
});

describe('a query that names a tool', () => {
  test.each(['tool:calculator {"expression":"1+1"}', '  Tool: http_get {}'])('%j needs no engine', async (query) => {
    const engine = { name: 'embedded', weigh: () => Promise.reject(new Error('not to be asked')) };
    const decision = await decideWith(engine)(query);
    expect(decision).toMatchObject({ decision: 'tool', confidence: 1, engine: 'caller', reason: 'it names a tool' });
  });

  test.each(['what is a tool: a definition', 'tool', 'tool:'])('%j does', async (query) => {
    expect(await decideWith(saying({ answer: 0.9 }))(query)).toMatchObject({ engine: 'embedded' });
  });
});

describe('the health of roles', () => {
  test('a route that needs a role which is gone is not taken', async () => {
    const decision = await decideWith(saying({ tool: 0.9, direct: 0.06 }))('6 * 7', { roles: health({ tools: GONE }) });
    expect(decision).toMatchObject({ decision: 'answer', fallback: true });
    expect(decision.reason).toBe(
      'tool would fit, but tools is not there (it has been silent for 12 s); no route is sure enough (direct has 6 %, the threshold is 50 %)',
    );
  });

  test('the next likely one is, when it is likely enough', async () => {
    const engine = saying({ tool: 0.48, direct: 0.47 });
    const decision = await decideWith(engine)('x', { roles: health({ tools: GONE }), threshold: 0.4 });
    expect(decision).toMatchObject({ decision: 'direct', fallback: true, confidence: 0.47 });
    expect(decision.reason).toContain('direct is the next likely');
  });

  test('a role that has too much to do counts as one that is gone', async () => {
    const roles = health({ reviewer: FULL });
    const decision = await decideWith(saying({ review: 0.9 }))('x', { roles });
    expect(decision).toMatchObject({ decision: 'answer', fallback: true });
    expect(decision.reason).toContain('reviewer has too much to do (queue of llm/generate: 60 of 64)');
  });

  test('what a role asks for help is needed as well: no llm, no coder', async () => {
    expect(OPTIONS.find(({ name }) => name === 'build')?.roles).toEqual(['coder', 'reviewer', 'llm']);
    const decision = await decideWith(saying({ build: 0.5, review: 0.4 }))('x', {
      ...{ roles: health({ llm: GONE }), threshold: 0.3 },
    });
    expect(decision).toMatchObject({ decision: 'review', fallback: true });
  });

  test('an optional step keeps no route from being taken', async () => {
    const decision = await decideWith(saying({ build: 0.9 }))('x', { roles: health({ retriever: GONE }) });
    expect(decision).toMatchObject({ decision: 'build', fallback: false });
  });

  test('nothing unlikely is taken only because it is free: the likely route waits', async () => {
    const decision = await decideWith(saying({ build: 0.9 }))('x', { roles: health({ llm: GONE }) });
    expect(decision).toMatchObject({ decision: 'build', fallback: false });
    expect(decision.reason).toBe('build would fit, but llm is not there (it has been silent for 12 s); build waits');
  });

  test('and when nothing is likely, the fallback waits', async () => {
    const decision = await decideWith(saying({}))('x', { roles: health({ llm: GONE }) });
    expect(decision).toMatchObject({ decision: 'answer', fallback: true });
    expect(decision.reason).toContain('answer waits: llm is not there');
  });
});

describe('hops and loops that are left', () => {
  test('a route that takes more hops than are left is not taken', async () => {
    const decision = await decideWith(saying({ build: 0.9 }))('x', { situation: { remainingHops: 2 } });
    expect(decision).toMatchObject({ decision: 'answer', fallback: true });
    expect(decision.reason).toContain('build would fit, but it takes 3 hops, 2 are left');
  });

  test.each([
    ['one loop', { remainingLoops: 1 }],
    ['no hops for a round', { remainingHops: 4 }],
  ])('with %s left, a route that goes round weighs half', async (_what, situation) => {
    const engine = saying({ build: 0.5, direct: 0.4 });
    expect(await decideWith(engine)('x', { threshold: 0.3 })).toMatchObject({ decision: 'build' });
    const decision = await decideWith(engine)('x', { threshold: 0.3, situation });
    expect(decision).toMatchObject({ decision: 'direct', fallback: true });
    expect(decision.reason).toContain('little is left for a loop of build');
  });

  test('with none left it is not taken at all', async () => {
    const decision = await decideWith(saying({ build: 0.95 }))('x', { situation: { remainingLoops: 0 } });
    expect(decision).toMatchObject({ decision: 'answer', fallback: true });
    expect(decision.reason).toContain('no loop is left for it');
  });
});

describe('after a review that requests changes', () => {
  const review = { phase: 'after_review', current: 'build', ahead: ['coder', 'reviewer'], remainingHops: 8 } as const;
  const asked = (situation: object, roles = health()) =>
    decided(saying({}), 'x', { situation: { ...review, ...situation }, roles });

  test('another round while loops are left', async () => {
    const { decision, next } = await asked({ remainingLoops: 2, review: { errors: 2, errorsBefore: null } });
    expect(next).toBe('continue');
    expect(decision).toMatchObject({ decision: 'build', engine: 'policy', fallback: false });
    expect(decision.probabilities.continue).toBe(decision.confidence);
    expect(decision.reason).toBe('another round: the review found 2 errors, and 2 loops are left');
  });

  test('the last loop is taken when errors got fewer', async () => {
    const { next } = await asked({ remainingLoops: 1, review: { errors: 1, errorsBefore: 3 } });
    expect(next).toBe('continue');
  });

  test.each([
    ['as many errors', { errors: 3, errorsBefore: 3 }],
    ['more', { errors: 4, errorsBefore: 3 }],
    ['only warnings', { errors: 0, errorsBefore: 0 }],
  ])('S8: the last loop is not: %s', async (_what, seen) => {
    const { decision, next } = await asked({ remainingLoops: 1, review: seen });
    expect(next).toBe('finish');
    expect(decision.reason).toMatch(/^ends with the best attempt: the review found .* and one loop is left$/);
  });

  test.each([
    ['no loop', { remainingLoops: 0 }, 'no loop is left'],
    ['no hops', { remainingLoops: 2, remainingHops: 1 }, 'a round takes 2 hops, 1 are left'],
  ])('S8: %s left: the end, for certain', async (_what, situation, why) => {
    const { decision, next } = await asked({ ...situation, review: { errors: 1, errorsBefore: 5 } });
    expect(next).toBe('finish');
    expect(decision).toMatchObject({ confidence: 1, reason: `ends with the best attempt: ${why}` });
  });

  test('the end when the coder is gone', async () => {
    const { decision, next } = await asked(
      { remainingLoops: 2, review: { errors: 2, errorsBefore: null } },
      health({ coder: GONE }),
    );
    expect(next).toBe('finish');
    expect(decision.reason).toContain('coder is not well (it has been silent for 12 s)');
  });
});

describe('after a failure in passing', () => {
  const situation = {
    ...({ phase: 'health_changed', current: 'tool', ahead: ['tools', 'responder'] } as const),
    ...{ remainingHops: 11, remainingLoops: 0 },
  };
  const asked = (engine: Parameters<typeof decided>[0], roles = health()) =>
    decided(engine, '6 * 7', { situation, roles });

  test('a task whose roles are well goes on, and the engine is not asked', async () => {
    const engine = { name: 'embedded', weigh: () => Promise.reject(new Error('not to be asked')) };
    const { decision, next } = await asked(engine);
    expect(next).toBe('continue');
    expect(decision).toMatchObject({ decision: 'tool', engine: 'policy' });
    expect(decision.reason).toBe('it goes on: every role that it needs is at work');
  });

  test('one whose role is gone leaves for the fallback', async () => {
    const { decision, next } = await asked(saying({ tool: 0.9 }), health({ tools: GONE }));
    expect(next).toBe('begin');
    expect(decision).toMatchObject({ decision: 'answer', fallback: true });
    expect(decision.reason).toContain('tool cannot go on (tools is not well (it has been silent for 12 s))');
  });

  test('the wish of a caller is kept', async () => {
    const wished = { situation: { ...situation, wish: 'tool' }, roles: health({ tools: GONE }) };
    const { decision, next } = await decided(saying({ tool: 0.9 }), '6 * 7', wished);
    expect(next).toBe('continue');
    expect(decision).toMatchObject({ decision: 'tool', reason: 'it goes on: the caller asked for it' });
  });

  test('S8: never for a route that goes round', async () => {
    const { decision } = await asked(saying({ build: 0.95 }), health({ tools: GONE }));
    expect(decision.decision).toBe('answer');
  });

  test('when nothing else can run either, it waits', async () => {
    const { decision, next } = await asked(saying({ tool: 0.9 }), health({ tools: GONE, llm: GONE }));
    expect(next).toBe('continue');
    expect(decision).toMatchObject({ decision: 'tool' });
    expect(decision.reason).toMatch(/^it waits: tools is not well/);
  });
});
