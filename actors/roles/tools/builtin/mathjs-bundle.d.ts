/** The library's own bundle has no types: it is an instance that makes others of itself. */
declare module 'mathjs/lib/browser/math.js' {
  import type { ConfigOptions, MathJsInstance } from 'mathjs';

  const bundle: { create(config: ConfigOptions): MathJsInstance };
  export default bundle;
}
