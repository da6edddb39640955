// Which turn of the server a chat's requests belong to, so that Stop can end it.
import type { ServerChats } from './serverChats';

/** The last request of a chat, and what its response says of its turn. */
interface Asked {
  hasAnswered: boolean;
  /** The server's id of the turn; it has one if it goes on without this page. */
  turnId?: string;
  /** Set once Stop was pressed before the server has said which turn it is. */
  isUnwanted: boolean;
}

/**
 * The turn that a chat waits for.
 *
 * With a store a turn belongs to its chat and not to the connection that asked for it: `stop()` of
 * the hook only leaves. So Stop asks the server, and the stream then ends by itself with all that was
 * stored, here and wherever else it is followed.
 */
export class RunningTurn {
  readonly #chatId: string;
  readonly #server: ServerChats;
  readonly #fetch: typeof globalThis.fetch;
  #asked: Asked | undefined;

  constructor(chatId: string, server: ServerChats, fetch: typeof globalThis.fetch) {
    this.#chatId = chatId;
    this.#server = server;
    this.#fetch = fetch;
  }

  /** Whether the server goes on with the turn when this page leaves. */
  get isKept(): boolean {
    return this.#asked?.turnId !== undefined;
  }

  /** The chat's `fetch`: notes the turn of each response. */
  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const turnId = this.#asked?.turnId;
    // It goes on with that turn after a break (`resumingFetch.ts`).
    if (turnId !== undefined && String(input).includes(turnId)) return this.#fetch(input, init);
    const asked: Asked = { hasAnswered: false, isUnwanted: false };
    this.#asked = asked;
    const response = await this.#fetch(input, init);
    asked.hasAnswered = true;
    asked.turnId = response.headers.get('x-chat-turn-id') ?? undefined;
    if (asked.turnId !== undefined) this.#server.keeps = true;
    // The server did not know of the turn yet when it was to be stopped.
    if (asked.isUnwanted && asked.turnId !== undefined) {
      void this.#server.stop(this.#chatId, asked.turnId).catch(() => {});
    }
    return response;
  };

  /**
   * Stop the turn. `leave` is the hook's `stop()`, which is enough where nothing goes on by itself.
   *
   * Throws an `Error` that says in a sentence why the turn goes on.
   */
  async stop(leave: () => void): Promise<void> {
    const asked = this.#asked;
    const { keeps } = this.#server;
    if (asked === undefined || keeps === false) return leave();
    if (asked.hasAnswered && asked.turnId === undefined) return leave();
    if (keeps === undefined) {
      // Nobody has said yet whether turns go on here: then both.
      void this.#server.stop(this.#chatId, undefined).catch(() => {});
      return leave();
    }
    asked.isUnwanted = !asked.hasAnswered;
    try {
      await this.#server.stop(this.#chatId, asked.turnId);
    } catch (error) {
      asked.isUnwanted = false;
      throw error;
    }
  }
}
