/** The n-th Fibonacci number, exact for every n: fibonacci(0) is 0n, fibonacci(1) is 1n. */
export function fibonacci(n: number): bigint {
  if (!Number.isInteger(n) || n < 0) throw new RangeError(`n must be a whole number from 0, not ${n}.`);
  let [current, next] = [0n, 1n];
  for (let step = 0; step < n; step += 1) [current, next] = [next, current + next];
  return current;
}

/** All Fibonacci numbers, one after another, without end. */
export function* fibonacciSequence(): Generator<bigint, never> {
  let [current, next] = [0n, 1n];
  for (;;) {
    yield current;
    [current, next] = [next, current + next];
  }
}
