// The chats that the server keeps (`CHAT_STORE`), and the button that stops an answer there.
import { wordsOf, type Generation } from './conversation';
import { NO_OFFER, type Offer } from './offer';

/** A chat in the list. */
export interface KeptChat {
  id: string;
  title: string;
  changedAt: number;
}

/** A chat as `useChat` takes it. */
export interface KeptMessages {
  messages: unknown[];
  /** Whether an answer is under way. It is not among the messages: its stream has all of it. */
  isRunning: boolean;
}

const MOST_CHATS = 200;
// The server gives itself six seconds for all that it asks of its store.
const PATIENCE_MS = 10_000;

/** The server wants to know who asks. */
export class NotSignedIn extends Error {}

/** The server's other routes. Every method throws an `Error` that says what is wrong in a sentence. */
export class ServerChats {
  /** Whether the server keeps chats; `undefined` until it has told. */
  keeps: boolean | undefined;
  readonly #root: string | undefined;
  readonly #fetch: typeof globalThis.fetch;

  /** `root` is what its routes stand below; `undefined` where there are none. */
  constructor(root: string | undefined, fetch: typeof globalThis.fetch) {
    this.#root = root;
    this.#fetch = fetch;
    if (root === undefined) this.keeps = false;
  }

  /** Return the latest chats, the last changed first; none if the server keeps none. */
  async list(): Promise<KeptChat[]> {
    if (this.#root === undefined) return [];
    const response = await this.#ask(`chats?limit=${MOST_CHATS}`);
    this.keeps = response.status !== 404;
    if (!this.keeps) return [];
    const { chats } = (await response.json()) as { chats: Listed[] };
    return chats.map(({ id, title, updated }) => ({ id, title, changedAt: updated / 1000 }));
  }

  /** Return a chat in the form of a client, or `undefined` if there is no such chat. */
  async read(id: string, generation: Generation): Promise<KeptMessages | undefined> {
    const form = generation === '4' ? '?sdk=4' : '';
    const response = await this.#ask(`chats/${encodeURIComponent(id)}${form}`);
    if (response.status === 404) return undefined;
    const { messages, turn } = (await response.json()) as Stored;
    return { messages, isRunning: turn !== null };
  }

  /** Delete a chat. An answer that is under way in it stops. */
  async forget(id: string): Promise<void> {
    await this.#ask(`chats/${encodeURIComponent(id)}`, { method: 'DELETE' });
  }

  /** Stop the turn of a chat, or the one it has now; whoever reads it sees it end. */
  async stop(id: string, turnId: string | undefined): Promise<void> {
    const response = await this.#ask(`chat/${encodeURIComponent(id)}/stop`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ turnId }),
    });
    if (response.status === 404) throw new Error('The server does not know how to stop it.');
  }

  /** Return what the server offers; what it does not tell, it does not offer. */
  async offer(): Promise<Offer> {
    if (this.#root === undefined) return NO_OFFER;
    const response = await this.#ask('models');
    if (response.status === 404) return NO_OFFER;
    const said = (await response.json()) as Partial<Offered>;
    return {
      models: said.data?.map(({ id }) => id) ?? [],
      model: said.default,
      takesSystem: said.clientSystem === true,
      mostBodyBytes: said.maxBodyBytes ?? NO_OFFER.mostBodyBytes,
    };
  }

  /** Return what who asks may use, and has used; nothing where the server does not tell. */
  async limits(): Promise<Limits | undefined> {
    if (this.#root === undefined) return undefined;
    const response = await this.#ask('me');
    if (response.status === 404) return undefined;
    const said = (await response.json()) as { limits?: Limits };
    return said.limits;
  }

  async #ask(path: string, init: RequestInit = {}): Promise<Response> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    let response: Response;
    try {
      response = await this.#fetch(`${this.#root}/api/${path}`, { ...init, signal });
    } catch (error) {
      const words = signal.aborted ? 'The server does not respond.' : wordsOf(error as Error);
      throw new Error(words, { cause: error });
    }
    if (response.ok || response.status === 404) return response;
    // It is there, and cannot reach its store.
    if (response.status === 503) this.keeps = true;
    const words = wordsOf(new Error(await response.text()));
    throw response.status === 401 ? new NotSignedIn(words) : new Error(words);
  }
}

/** `null`: not limited. */
export interface Limits {
  turnsPerMinute: Limit | null;
  runningTurns: Limit | null;
  tokensPerDay: Limit | null;
}

export interface Limit {
  limit: number;
  used: number;
  remaining: number;
  /** Seconds until it begins anew. */
  resetS?: number;
}

interface Listed {
  id: string;
  title: string;
  /** Microseconds since 1970. */
  updated: number;
}

/** Beside OpenAI's list of models, which has `data` only. */
interface Offered {
  data: { id: string }[];
  default: string;
  clientSystem: boolean;
  maxBodyBytes: number;
}

interface Stored {
  messages: unknown[];
  turn: { id: string } | null;
}
