/**
 * The process in which the examples run. Owns: taking away what the code is not to have, running one trial after another,
 * and saying what came of each. Does not own: the rights of the process and its limits (sandbox.ts), which hold whatever
 * the code does here.
 *
 * The code's modules are in memory; it can load these, a test framework's names, and modules of Node that reach nothing
 * outside of the process.
 */
import { registerHooks } from 'node:module';
import { inspect, stripVTControlCharacters } from 'node:util';
import { equals, iterableEquality, JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect';
import * as chai from 'chai';
import { isProgram, type Outcome, type Program } from './program.ts';

const TRIAL_MS_MAX = 5000;
const MESSAGE_CHARS_MAX = 600;
const FRAMEWORKS = /^(?:vitest|@jest\/globals|bun:test|mocha|jasmine|node:test|test|@vitest\/.*)$/;
const PURE =
  /^(?:node:)?(?:assert(?:\/strict)?|util|events|path(?:\/posix)?|url|buffer|string_decoder|querystring|timers(?:\/promises)?|crypto|stream(?:\/promises)?|async_hooks|perf_hooks|punycode)$/;
const ELSEWHERE =
  /^(?:document|window|localStorage|sessionStorage|alert|prompt|confirm|HTMLElement|Element|customElements|location|React|require|module|exports|__dirname|__filename|Bun|Deno|jest|vi|sinon|cy|\$|jQuery) is not defined/;

/** What the trial at work wanted and has not. */
let wanted: string | null = null;
class Wanted extends Error {
  constructor(what: string) {
    super(`there is no ${what} in the sandbox`);
    wanted = what;
  }
}

const real = {
  write: process.stdout.write.bind(process.stdout),
  exit: process.exit.bind(process),
  on: process.on.bind(process),
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
};

function say(nonce: string, outcome: Outcome | 'done'): void {
  real.write(`\n${nonce} ${JSON.stringify(outcome)}\n`);
}

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

type Work = () => unknown;
interface Test {
  readonly name: string;
  readonly work: Work;
}

/** What `mesh:harness` exports: a test framework of few words. */
class Harness {
  tests: Test[] = [];
  before: Work[] = [];
  after: Work[] = [];
  checks: { name: string; got: string }[] = [];
  #group: string[] = [];

  exports(): Record<string, unknown> {
    const test = Object.assign(
      (name: string, ...rest: unknown[]): void => {
        const work = rest.find((one) => typeof one === 'function');
        if (typeof work === 'function')
          this.tests.push({ name: [...this.#group, name].join(' › '), work: () => work() as unknown });
      },
      { skip: () => undefined, todo: () => undefined },
    );
    const each =
      (table: readonly unknown[]) =>
      (name: string, work: (...args: unknown[]) => unknown): void => {
        for (const row of table) test(name, () => work(...(Array.isArray(row) ? row : [row])));
      };
    const describe = (name: string, work: Work): void => {
      this.#group.push(name);
      work();
      this.#group.pop();
    };
    const own = Object.assign(test, { each, only: test });
    const group = Object.assign(describe, { skip: () => undefined, only: describe });
    const before = (work: Work) => void this.before.push(work);
    const after = (work: Work) => void this.after.push(work);
    return {
      ...{ test: own, it: own, specify: own, describe: group, suite: group, expect: chai.expect, assert: chai.assert },
      ...{ beforeEach: before, beforeAll: before, before, afterEach: after, afterAll: after, after },
      check: (name: string, actual: Work, expected: Work | null) => this.check(name, actual, expected),
      default: own,
    };
  }

  async check(name: string, actual: Work, expected: Work | null): Promise<void> {
    if (expected === null) {
      const value = await Promise.resolve()
        .then(actual)
        .then(
          (given) => ({ given }),
          () => null,
        );
      if (value !== null) this.checks.push({ name, got: `throws nothing and gives ${shown(value.given)}` });
      return;
    }
    const [given, want] = [await actual(), await expected()];
    if (typeof given === 'number' && typeof want === 'number' && Math.abs(given - want) <= 1e-9 * Math.abs(want))
      return;
    if (!equals(given, want, [iterableEquality])) this.checks.push({ name, got: `gives ${shown(given)}` });
  }
}

function shown(value: unknown): string {
  return inspect(value, {
    depth: 3,
    maxArrayLength: 20,
    maxStringLength: 200,
    breakLength: Number.POSITIVE_INFINITY,
  }).slice(0, 300);
}

const HARNESS_KEY = Symbol.for('mesh.harness');
let harness = new Harness();

function hooksFor({ modules }: Program, trials: ReadonlyMap<string, string>): void {
  const [main = ''] = Object.keys(modules);
  const names = Object.keys(new Harness().exports()).filter((name) => name !== 'default');
  const sourceOf = (url: string): string | undefined => {
    if (url.startsWith('code:')) return modules[url.slice(5)];
    // Each import of it is of the trial at work: the query keeps them apart.
    if (url.startsWith('mesh:harness'))
      return `const h = globalThis[Symbol.for('mesh.harness')];\nexport const { ${names.join(', ')} } = h;\nexport default h.default;`;
    return url === 'mesh:process'
      ? 'export default globalThis.process; export const env = globalThis.process.env, argv = globalThis.process.argv, nextTick = globalThis.process.nextTick, hrtime = globalThis.process.hrtime, platform = globalThis.process.platform, cwd = globalThis.process.cwd;'
      : trials.get(url);
  };
  const inCode = (specifier: string, parent: string): string | null => {
    const path = new URL(specifier, `file://${parent}`).pathname;
    const bare = path.replace(/\.[cm]?[jt]s$/, '');
    return (
      [path, ...['.ts', '.js', '.mts', '.mjs', '/index.ts', '/index.js'].map((ending) => bare + ending)].find(
        (one) => one in modules,
      ) ?? null
    );
  };
  registerHooks({
    resolve(specifier, context, next) {
      const parent = context.parentURL ?? '';
      const done = (url: string) => ({ url, format: 'module', shortCircuit: true });
      const ours = parent.startsWith('code:') || parent.startsWith('trial:');
      if (!ours) return /^(?:code|trial|mesh):/.test(specifier) ? done(specifier) : next(specifier, context);
      if (specifier.startsWith('code:')) return done(specifier);
      if (specifier.startsWith('.') || specifier.startsWith('/')) {
        const path =
          inCode(specifier, parent.startsWith('code:') ? parent.slice(5) : '/trial.js') ??
          (parent.startsWith('trial:') ? main : null);
        if (path === null) throw new Wanted(`file ${specifier}`);
        return done(`code:${path}`);
      }
      if (specifier === 'mesh:harness' || FRAMEWORKS.test(specifier)) return done(`mesh:harness?${parent}`);
      if (/^(?:node:)?process$/.test(specifier)) return done('mesh:process');
      if (PURE.test(specifier)) return next(specifier, context);
      throw new Wanted(`module ${specifier}`);
    },
    load(url, context, next) {
      const source = sourceOf(url);
      return source === undefined ? next(url, context) : { format: 'module', source, shortCircuit: true };
    },
  });
}

/** What the code is not to reach. The rights of the process hold besides: this is so that it can be said what it wanted. */
function lockDown(): void {
  const refuse = (what: string) =>
    function refused(): never {
      throw new Wanted(what);
    };
  for (const name of ['fetch', 'WebSocket', 'EventSource']) set(name, refuse('network'));
  const silent = Object.fromEntries(Object.keys(console).map((name) => [name, () => undefined]));
  set('console', { ...silent });
  const { platform, version, versions, arch, nextTick, hrtime, memoryUsage, uptime } = process;
  const out = { write: () => true, isTTY: false, columns: 80, on: () => undefined };
  set('process', {
    ...{
      platform,
      version,
      versions,
      arch,
      nextTick,
      hrtime,
      memoryUsage,
      uptime,
      env: {},
      argv: ['node', 'code'],
      pid: 1,
    },
    ...{
      cwd: () => '/',
      exit: refuse('process to end'),
      on: () => undefined,
      once: () => undefined,
      emitWarning: () => undefined,
    },
    ...{ stdout: out, stderr: out, stdin: { on: () => undefined, isTTY: false }, exitCode: undefined },
  });
}

function set(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}

let failLater: ((error: unknown) => void) | null = null;

async function within<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  failLater = late.reject;
  const timer = real.setTimeout(() => {
    try {
      throw new Wanted(`more time than ${TRIAL_MS_MAX / 1000} s`);
    } catch (error) {
      late.reject(error);
    }
  }, TRIAL_MS_MAX);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    failLater = null;
    real.clearTimeout(timer);
  }
}

function messageOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : `throws ${shown(error)}`;
  return stripVTControlCharacters(text).replace(/\s+/g, ' ').slice(0, MESSAGE_CHARS_MAX);
}

async function attempt(name: string, work: () => Promise<unknown>): Promise<Outcome> {
  wanted = null;
  try {
    await within(work());
    return { name, ok: true, message: '', ...(wanted === null ? {} : { wanted }) };
  } catch (error) {
    const missing =
      error instanceof Error && ELSEWHERE.test(error.message) ? error.message.split(' ', 1)[0] : undefined;
    const denied =
      error instanceof Error && 'code' in error && error.code === 'ERR_ACCESS_DENIED' ? 'right to do that' : undefined;
    const lacks = wanted ?? missing ?? denied;
    return { name, ok: false, message: messageOf(error), ...(lacks === undefined ? {} : { wanted: lacks }) };
  }
}

async function runTrial(url: string, name: string, tell: (outcome: Outcome) => void): Promise<void> {
  harness = new Harness();
  Object.defineProperty(globalThis, HARNESS_KEY, { value: harness.exports(), configurable: true });
  const loaded = await attempt(name, () => import(url));
  for (const { name: example, got } of harness.checks) tell({ name: example, ok: false, message: got });
  if (!loaded.ok || harness.tests.length === 0) {
    if (harness.checks.length === 0) tell(loaded);
    return;
  }
  for (const { name: title, work } of harness.tests) {
    tell(
      await attempt(title, async () => {
        for (const hook of harness.before) await hook();
        await work();
        for (const hook of harness.after) await hook();
      }),
    );
  }
}

async function main(): Promise<void> {
  let text = '';
  for await (const piece of process.stdin.setEncoding('utf8')) text += piece;
  const { nonce, program }: { nonce: string; program: unknown } = JSON.parse(text);
  if (!isProgram(program)) throw new TypeError('what came is no program');
  const urls = program.trials.map(({ js, name }, index) => ({ url: `trial:/${index}.js`, js, name }));
  hooksFor(program, new Map(urls.map(({ url, js }) => [url, js])));
  for (const event of ['uncaughtException', 'unhandledRejection'] as const)
    real.on(event, (error: unknown) => failLater?.(error));
  lockDown();
  const [first = ''] = Object.keys(program.modules);
  const whole = await attempt('the code', () => import(`code:${first}`));
  if (whole.ok) for (const { url, name } of urls) await runTrial(url, name, (outcome) => say(nonce, outcome));
  else say(nonce, whole);
  say(nonce, 'done');
  real.exit(0);
}

await main();
