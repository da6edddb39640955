// Who is signed in at the server, and the headers that say so to it.
//
// What you need of it in a page of your own is `headers()`, a function, so that each request has the
// token of the moment. AI SDK 5 to 7 call it themselves (`headers` of `DefaultChatTransport`); the hook
// of AI SDK 4 knows the headers of its last drawing only, so there `withHeaders` gives it a `fetch`.
import { useSyncExternalStore } from 'react';
import { wordsOf } from './chat/conversation';
import type { Endpoint } from './endpoint';
import { claimsOf, type Claims } from './jwt';

/** Return a `fetch` that adds headers as they are at the moment of each request. */
export function withHeaders(
  headers: () => Record<string, string>,
  fetch: typeof globalThis.fetch,
): typeof globalThis.fetch {
  return (input, init = {}) => {
    const all = new Headers(init.headers);
    for (const [name, value] of Object.entries(headers())) all.set(name, value);
    return fetch(input, { ...init, headers: all });
  };
}

/** What the page shows of it. */
export interface Standing {
  /** Kept in this tab only, and empty if nobody is signed in. */
  token: string;
  /** What a JSON Web Token says; a shared token says nothing. */
  claims: Claims | undefined;
  /** Why the server does not take the token, or wants one; its own sentence. */
  refusal: string | undefined;
}

/** The token of this tab for one server. */
export class SignIn {
  readonly #endpoint: Endpoint;
  readonly #origin: string;
  readonly #listeners = new Set<() => void>();
  #standing: Standing;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    this.#origin = new URL(endpoint.url || '/', location.href).origin;
    const token = keptToken(endpoint.url);
    this.#standing = { token, claims: claimsIfAny(token), refusal: undefined };
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** Where this browser keeps the chats of whoever is signed in, if the server keeps none. */
  get shelf(): string {
    const { shelf } = this.#endpoint;
    const owner = ownerOf(this.#standing.token);
    return owner.length === 0 ? shelf : JSON.stringify([shelf, ...owner]);
  }

  /** Return the headers for a request of this moment. */
  readonly headers = (): Record<string, string> => this.#headersWith(this.#standing.token);

  /**
   * Return a `fetch` that goes to this server only, and notes whether it takes the token.
   *
   * A redirect could lead to another server, and browsers take headers along: so none is followed.
   */
  guarded(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
    return async (input, init) => {
      const url = new URL(input instanceof Request ? input.url : input, location.href);
      if (url.origin !== this.#origin)
        throw new Error(`No request goes to ${url.origin} from here.`);
      const { token } = this.#standing;
      const response = await fetch(input, token ? { ...init, redirect: 'error' } : init);
      // What is said of an earlier token comes too late.
      if (token === this.#standing.token) await this.#note(response);
      return response;
    };
  }

  /**
   * Use another token. What belongs to another owner disappears with a reload of the page.
   *
   * Throws an `Error` that says what is wrong with the token.
   */
  async use(given: string): Promise<void> {
    const token = tidied(given);
    const claims = claimsOf(token);
    await this.#check(token, claims);
    const before = this.#standing;
    // Whom the server has refused has seen nothing, so what he has just written may stay.
    const isNewcomer = before.token === '' && before.refusal !== undefined;
    const isOther = keepToken(this.#endpoint.url, token);
    if (isOther && !isNewcomer) beginAnew();
    else this.#become({ token, claims, refusal: undefined });
  }

  signOut(): void {
    keepToken(this.#endpoint.url, '');
    beginAnew();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Ask the server whether it takes a token, where it has a route that costs nothing. */
  async #check(token: string, claims: Claims | undefined): Promise<void> {
    const { root } = this.#endpoint;
    if (root === undefined) return;
    let response: Response;
    try {
      response = await fetch(`${root}/api/chats?limit=1`, {
        headers: this.#headersWith(token),
        redirect: 'error',
      });
    } catch (error) {
      throw new Error(wordsOf(error as Error), { cause: error });
    }
    if (response.status !== 401 && response.status !== 403) return;
    const words = wordsOf(new Error(await response.text()));
    throw new Error(
      isOver(claims) ? `${words} It counted until ${inWords(claims.expires)}.` : words,
    );
  }

  #headersWith(token: string): Record<string, string> {
    if (!token) return {};
    // CloudFront's origin access control writes a signature of its own into `authorization`. And what
    // stands before a server may look for JSON Web Tokens there, but not for shared ones.
    const isBearer = claimsIfAny(token) !== undefined && !this.#endpoint.hashesBody;
    return isBearer ? { authorization: `Bearer ${token}` } : { 'x-chat-token': token };
  }

  async #note(response: Response): Promise<void> {
    if (response.status === 401) {
      const refusal = wordsOf(new Error(await response.clone().text()));
      this.#become({ ...this.#standing, refusal });
    } else if (response.ok && this.#standing.refusal !== undefined) {
      this.#become({ ...this.#standing, refusal: undefined });
    }
  }

  #become(standing: Standing): void {
    this.#standing = standing;
    for (const listener of this.#listeners) listener();
  }
}

/** Return who is signed in; the component renders again when that changes. */
export function useStanding(signIn: SignIn): Standing {
  return useSyncExternalStore(signIn.subscribe, () => signIn.standing);
}

/** Whether a token has said that it counts no more. */
export function isOver(claims: Claims | undefined): claims is Claims & { expires: number } {
  return claims?.expires !== undefined && claims.expires <= Date.now();
}

/** Return a time in words, with its day if that is not today. */
export function inWords(time: number): string {
  const date = new Date(time);
  const isToday = date.toDateString() === new Date().toDateString();
  return date.toLocaleString(undefined, {
    ...(isToday ? {} : { day: 'numeric', month: 'short', year: 'numeric' }),
    hour: '2-digit',
    minute: '2-digit',
  });
}

/**
 * Keep a token in this tab, for one address only; an empty one is forgotten. Return whether another
 * owner than before will ask.
 */
export function keepToken(url: string, token: string): boolean {
  const before = keptToken(url);
  if (token) sessionStorage.setItem(tokenKey(url), token);
  else sessionStorage.removeItem(tokenKey(url));
  if (isSameOwner(before, token)) return false;
  // What one has written is nothing for the next.
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith(DRAFTS) || key.startsWith(VERSIONS)) sessionStorage.removeItem(key);
  }
  return true;
}

/** What the keys of unsent texts in this tab's session begin with. */
export const DRAFTS = 'deltaline.draft ';

/** What the keys of earlier versions of chats begin with. */
export const VERSIONS = 'deltaline.versions ';

function keptToken(url: string): string {
  return sessionStorage.getItem(tokenKey(url)) ?? '';
}

// One token for each address, so that a link with a foreign ?api= does not get another's token.
function tokenKey(url: string): string {
  return `deltaline.token ${new URL(url.replace(/\/+$/, '') || '/', location.href).href}`;
}

/** Reload the page without the chat that is in its address: nothing of it is left in memory then. */
function beginAnew(): void {
  history.replaceState(null, '', location.pathname + location.search);
  location.reload();
}

/** Return what tells owners apart in this browser; nothing if nobody is signed in. */
function ownerOf(token: string): string[] {
  if (token === '') return [];
  const claims = claimsIfAny(token);
  // A shared token is a secret that outlives this tab: 32 bits of a hash do not give it away.
  return claims ? [claims.issuer, claims.subject] : [hash32(token).toString(16)];
}

const isSameOwner = (one: string, other: string) => {
  return JSON.stringify(ownerOf(one)) === JSON.stringify(ownerOf(other));
};

/** FNV-1a, of 32 bits. */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

function claimsIfAny(token: string): Claims | undefined {
  try {
    return claimsOf(token);
  } catch {
    return undefined;
  }
}

/** Return a token without what comes along when it is copied. Throws if no header can hold it. */
export function tidied(given: string): string {
  const token = given
    .trim()
    .replace(/^(authorization\s*:\s*)?bearer\s+/i, '')
    .replace(/^(["'])(.*)\1$/, '$2');
  // A terminal breaks a long one into lines.
  const joined = /^eyJ/.test(token) ? token.replace(/\s+/g, '') : token;
  if (joined === '') throw new Error('Paste a token first.');
  if (!/^[\x20-\x7e]+$/.test(joined))
    throw new Error('This is no token: it has letters that no header can hold.');
  return joined;
}
