/**
 * An engine that is opened when it is first needed, or a little before. Owns: opening it once, and the rules in its place
 * when it cannot be opened. Does not own: either.
 *
 * A model that cannot be loaded now cannot be loaded a second later: what is wrong is said in `problem` until the
 * process is started again.
 */
import type { RouteEngine } from '../port.ts';

export interface LazyEngine extends RouteEngine {
  /** Why the wanted engine is not at work; null while it is, or may still be. */
  readonly problem: string | null;
  ready(): Promise<void>;
  close(): Promise<void>;
}

/** @param name of the engine that is wanted; decisions name the one that was at work */
export function createLazyEngine(
  name: string,
  open: () => Promise<RouteEngine>,
  otherwise: RouteEngine,
  onProblem: (problem: string) => void,
): LazyEngine {
  let opening: Promise<RouteEngine> | null = null;
  let opened: RouteEngine | null = null;
  let problem: string | null = null;
  const engine = (): Promise<RouteEngine> => {
    opening ??= open()
      .catch((error: unknown) => {
        problem = error instanceof Error ? error.message : String(error);
        onProblem(problem);
        return otherwise;
      })
      .then((one) => {
        opened = one;
        return one;
      });
    return opening;
  };
  return {
    get name() {
      return opened?.name ?? name;
    },
    get problem() {
      return problem;
    },
    get waiting() {
      return opened?.waiting ?? 0;
    },
    async ready() {
      await engine();
    },
    weigh: async (query, roles, signal) => (await engine()).weigh(query, roles, signal),
    async close() {
      if (opening !== null) await (await opening).close?.();
    },
  };
}
