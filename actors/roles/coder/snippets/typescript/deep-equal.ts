/** Whether two values of plain data (objects, arrays, dates, maps, sets) are equal in depth; NaN equals NaN. */
export function deepEqual(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) return false;
  if (left instanceof Date && right instanceof Date) return left.getTime() === right.getTime();
  if (left instanceof Map && right instanceof Map) {
    return (
      left.size === right.size && [...left].every(([key, value]) => right.has(key) && deepEqual(value, right.get(key)))
    );
  }
  if (left instanceof Set && right instanceof Set) {
    return left.size === right.size && [...left].every((item) => right.has(item));
  }
  const leftEntries = Object.entries(left);
  const rightValues = new Map(Object.entries(right));
  return (
    leftEntries.length === rightValues.size &&
    leftEntries.every(([key, value]) => rightValues.has(key) && deepEqual(value, rightValues.get(key)))
  );
}
