import { useEffect, useSyncExternalStore } from 'react';

/** What is fetched when it is wanted for the first time, once for the whole page. */
export class Later<T> {
  readonly #load: () => Promise<T>;
  #value: T | undefined;
  #isLoading = false;
  readonly #listeners = new Set<() => void>();

  constructor(load: () => Promise<T>) {
    this.#load = load;
  }

  readonly get = (): T | undefined => this.#value;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  async want(): Promise<void> {
    if (this.#isLoading || this.#value !== undefined) return;
    this.#isLoading = true;
    try {
      this.#value = await this.#load();
      for (const listener of this.#listeners) listener();
    } catch {
      // The network is away, or the page has been deployed anew: it goes without until it is next wanted.
    } finally {
      this.#isLoading = false;
    }
  }
}

const NEVER = new Later<never>(() => new Promise<never>(() => {}));

/** Return what `later` fetches as soon as it is here; `undefined` until then, or if it is not wanted. */
export function useLater<T>(later: Later<T> | undefined): T | undefined {
  const wanted: Later<T> = later ?? NEVER;
  useEffect(() => void later?.want(), [later]);
  return useSyncExternalStore(wanted.subscribe, wanted.get);
}
