// The chats that this browser keeps, for a server that keeps none. Each server has a shelf of its
// own, so that no chat is ever continued, or resumed, at another server than its own.
import type { Generation } from './conversation';
import { changed, CHATS, FILES, filesOf, given, MESSAGES, openDatabase } from './database';
import { KeptFiles } from './keptFiles';
import { oldChats } from './oldChats';

export interface ChatEntry {
  id: string;
  title: string;
  generation: Generation;
  changedAt: number;
  /** Whether an answer was unfinished when the chat was last kept. */
  isOpen: boolean;
}

/** A chat as it is kept. */
export interface KeptChat extends ChatEntry {
  shelf: string;
}

// The last words of a page that goes away: a database may not finish then, this does.
const LEAVING = 'deltaline.leaving';
const MOST_CHATS = 200;

/** The chats of this browser, for as long as the page lives. */
export class BrowserChats {
  #chats: KeptChat[] = [];
  #database: IDBDatabase | undefined;
  /** What could not be kept, by chat: it lasts as long as the page. */
  readonly #unkept = new Map<string, unknown[]>();
  readonly #files = new KeptFiles();
  /** The ids of the files that the database has, by chat. */
  readonly #stored = new Map<string, Set<string>>();
  readonly #onProblem: (problem: string) => void;
  readonly #ready: Promise<void>;

  /** `onProblem` is told in a sentence what is not kept. */
  constructor(onProblem: (problem: string) => void) {
    this.#onProblem = onProblem;
    this.#ready = this.#open();
  }

  /** Return the chats of a shelf, the latest first. */
  async list(shelf: string): Promise<ChatEntry[]> {
    await this.#ready;
    if (this.#database) {
      const unkept = this.#chats.filter(({ id }) => this.#unkept.has(id));
      // Another tab may have changed the others.
      const kept = await keptIn(this.#database).catch(() => this.#chats);
      this.#chats = [...unkept, ...kept.filter(({ id }) => !this.#unkept.has(id))];
    }
    return this.#on(shelf);
  }

  /** Return a chat's messages, in the shape of the client that made them. */
  async read(id: string): Promise<unknown[]> {
    await this.#ready;
    const unkept = this.#unkept.get(id);
    if (unkept || !this.#database) return unkept ?? [];
    const transaction = this.#database.transaction([MESSAGES, FILES]);
    const store = transaction.objectStore(FILES);
    const [messages, keys, urls] = await Promise.all([
      given<unknown[] | undefined>(transaction.objectStore(MESSAGES).get(id)),
      given(store.getAllKeys(filesOf(id))),
      given<string[]>(store.getAll(filesOf(id))),
    ]);
    const fileIds = keys.map((key) => String((key as string[])[1]));
    fileIds.forEach((fileId, index) => this.#files.know(fileId, urls[index] ?? ''));
    this.#stored.set(id, new Set(fileIds));
    return this.#files.together(messages ?? []);
  }

  /**
   * Keep a chat and return its shelf; of very many chats, the oldest are forgotten. `isLeaving`: the
   * page goes away.
   */
  keep(shelf: string, entry: ChatEntry, messages: unknown[], isLeaving: boolean): ChatEntry[] {
    const kept: KeptChat = { ...entry, shelf };
    this.#chats = [kept, ...this.#chats.filter(({ id }) => id !== entry.id)];
    if (isLeaving) keepLastWords({ kept, messages: this.#files.apart(messages).messages });
    void this.#write(kept, messages, isLeaving);
    const chats = this.#on(shelf);
    for (const { id } of chats.splice(MOST_CHATS)) this.#drop(id);
    return chats;
  }

  /** Forget a chat and return its shelf. */
  forget(shelf: string, id: string): ChatEntry[] {
    this.#drop(id);
    return this.#on(shelf);
  }

  #on(shelf: string): ChatEntry[] {
    const chats = this.#chats.filter((chat) => chat.shelf === shelf);
    return chats.sort((one, other) => other.changedAt - one.changedAt);
  }

  #drop(id: string): void {
    this.#chats = this.#chats.filter((chat) => chat.id !== id);
    this.#unkept.delete(id);
    this.#stored.delete(id);
    if (!this.#database) return;
    void changed(this.#database, ({ chats, messages, files }) => {
      chats.delete(id);
      messages.delete(id);
      files.delete(filesOf(id));
    }).catch(() => this.#onProblem('This browser could not delete the chat.'));
  }

  async #write(kept: KeptChat, all: unknown[], isLeaving: boolean): Promise<void> {
    const { id } = kept;
    // Until it is known to be kept.
    this.#unkept.set(id, all);
    if (!this.#database) return;
    try {
      await this.#put(this.#database, kept, all);
      if (this.#unkept.get(id) === all) this.#unkept.delete(id);
      if (!isLeaving) localStorage.removeItem(LEAVING);
    } catch {
      // Databases give room back later, so what was deleted for this chat would be lost for nothing.
      this.#onProblem(
        'This browser has no room for this chat: it lasts as long as the page. Delete others, if you can.',
      );
    }
  }

  async #put(database: IDBDatabase, kept: KeptChat, all: unknown[]): Promise<void> {
    const { id } = kept;
    const stored = this.#stored.get(id) ?? new Set();
    const apart = this.#files.apart(all);
    await changed(database, ({ chats, messages, files }) => {
      chats.put(kept);
      messages.put(apart.messages, id);
      for (const [fileId, url] of apart.files) {
        if (!stored.has(fileId)) files.put(url, [id, fileId]);
      }
      // Of a message that was edited, or asked once more.
      for (const fileId of stored) {
        if (!apart.files.has(fileId)) files.delete([id, fileId]);
      }
    });
    this.#stored.set(id, new Set(apart.files.keys()));
  }

  async #open(): Promise<void> {
    try {
      this.#database = await openDatabase();
    } catch {
      this.#onProblem('This browser keeps nothing: chats last as long as the page.');
      return;
    }
    // Of an earlier version of this page, and of its last moment.
    for (const { kept, messages } of [...oldChats(), ...lastWords()]) {
      await this.#put(this.#database, kept, messages).catch(() => {
        this.#onProblem('This browser has no room for its older chats.');
      });
    }
    localStorage.removeItem(LEAVING);
    // What was kept before the database was there.
    for (const [id, messages] of this.#unkept) {
      const kept = this.#chats.find((chat) => chat.id === id);
      if (kept) await this.#write(kept, messages, false);
    }
  }
}

function keptIn(database: IDBDatabase): Promise<KeptChat[]> {
  return given(database.transaction(CHATS).objectStore(CHATS).getAll());
}

interface Words {
  kept: KeptChat;
  messages: unknown[];
}

function keepLastWords(words: Words): void {
  try {
    localStorage.setItem(LEAVING, JSON.stringify(words));
  } catch {
    // Full of somebody else's: the database will do, as a rule.
  }
}

function lastWords(): Words[] {
  try {
    const words = JSON.parse(localStorage.getItem(LEAVING) ?? '') as Words;
    return words.kept.id ? [words] : [];
  } catch {
    return [];
  }
}
