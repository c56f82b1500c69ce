/**
 * A typed event emitter. `Events` maps the name of an event to what it carries:
 * `new Emitter<{ saved: { id: string } }>()`.
 */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(payload: never) => void>>();

  /** Listens; the returned function stops listening. */
  on<Name extends keyof Events>(name: Name, listener: (payload: Events[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Listens for one event only. */
  once<Name extends keyof Events>(name: Name, listener: (payload: Events[Name]) => void): () => void {
    const stop = this.on(name, (payload) => {
      stop();
      listener(payload);
    });
    return stop;
  }

  /** Calls the listeners in the order they were added; one that is added meanwhile waits for the next event. */
  emit<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    const listeners = [...(this.#listeners.get(name) ?? [])] as ((payload: Events[Name]) => void)[];
    for (const listener of listeners) listener(payload);
  }
}
