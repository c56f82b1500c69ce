/**
 * The port to a routing decision. Owns: what is asked and what is answered. Does not own: any way of deciding.
 */
import type { Route } from '../schemas/events/generated.ts';

export interface RouteQuery {
  readonly prompt: string;
  /** The workflow that the caller asked for. */
  readonly wish: string | null;
  readonly remainingHops: number;
}

export interface Router {
  /** Names one of the workflows that it was built with. */
  decide(query: RouteQuery, signal: AbortSignal): Promise<Route>;
}
