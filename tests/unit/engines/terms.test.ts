import { describe, expect, it } from 'vitest';
import { unmentioned } from '../../../actors/roles/coder/code-candidates.ts';

const DEBOUNCE = 'export function debounce(run: () => void, waitMs: number): void { setTimeout(run, waitMs); }';

describe('what a request speaks of and code does not', () => {
  it('is none of the words that only join others', () => {
    for (const prompt of [
      'Write a TypeScript function that debounces another function',
      'Write one that debounces any other function, or both of them, whether or not they are our own',
    ])
      expect(unmentioned(prompt, DEBOUNCE)).toEqual([]);
  });
  it('is what it would have to do', () => {
    expect(unmentioned('Debounce a function and log its calls', DEBOUNCE)).toContain('log');
  });
});
