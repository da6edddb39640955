// What the server offers (`GET /api/models`), and what the user wants of it.
import { useSyncExternalStore } from 'react';
import type { ServerChats } from './serverChats';

export interface Offer {
  /** Those that a request may name; none where the server does not tell. */
  models: string[];
  /** The one that answers if none is named. */
  model: string | undefined;
  /** Whether the user may add instructions of his own to the server's. */
  takesSystem: boolean;
  /** The largest request body. */
  mostBodyBytes: number;
}

export interface Wish {
  offer: Offer;
  model: string | undefined;
  /** Instructions for the model, before what is said. */
  system: string;
}

// Lambda's limit, and what our server takes unless it is told otherwise.
const DEFAULT_BODY_BYTES = 6 * 1024 * 1024;

export const NO_OFFER: Offer = {
  models: [],
  model: undefined,
  takesSystem: false,
  mostBodyBytes: DEFAULT_BODY_BYTES,
};

/** What the server offers and the user chooses, for all chats of this tab with one server. */
export class Wishes {
  readonly #key: string;
  readonly #listeners = new Set<() => void>();
  #wish: Wish;

  /** `place` tells servers apart. */
  constructor(place: string) {
    this.#key = `deltaline.wish ${place}`.trimEnd();
    this.#wish = { offer: NO_OFFER, model: undefined, system: '', ...kept(this.#key) };
  }

  get wish(): Wish {
    return this.#wish;
  }

  /** Ask the server what it offers. What cannot be learned is not offered. */
  async learn(server: ServerChats): Promise<void> {
    const offer = await server.offer().catch(() => undefined);
    if (offer) this.#become({ ...this.#wish, offer });
  }

  choose(changed: { model?: string; system?: string }): void {
    this.#become({ ...this.#wish, ...changed });
    const { model, system } = this.#wish;
    sessionStorage.setItem(this.#key, JSON.stringify({ model, system }));
  }

  /** The model to name in a request; none: the server's own. */
  get model(): string | undefined {
    const { model, offer } = this.#wish;
    return model !== undefined && offer.models.includes(model) ? model : undefined;
  }

  /** The instructions to send; none where the server takes none. */
  get system(): string {
    return this.#wish.offer.takesSystem ? this.#wish.system.trim() : '';
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #become(wish: Wish): void {
    this.#wish = wish;
    for (const listener of this.#listeners) listener();
  }
}

/** Return what is offered and chosen; the component renders again when that changes. */
export function useWish(wishes: Wishes): Wish {
  return useSyncExternalStore(wishes.subscribe, () => wishes.wish);
}

function kept(key: string): { model?: string; system?: string } {
  try {
    const { model, system } = JSON.parse(sessionStorage.getItem(key) ?? '{}');
    return {
      ...(typeof model === 'string' && { model }),
      ...(typeof system === 'string' && { system }),
    };
  } catch {
    return {};
  }
}
