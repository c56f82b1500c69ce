/** Reads a query string, with or without its question mark. A name given more than once has an array of values. */
export function parseQueryString(query) {
  const values = new Map();
  for (const [name, value] of new URLSearchParams(query)) {
    const known = values.get(name);
    if (known === undefined) values.set(name, value);
    else values.set(name, [known, value].flat());
  }
  return Object.fromEntries(values);
}
