// The chats that this browser keeps, for a server that keeps none. Each server has a shelf of its
// own, so that no chat is ever continued, or resumed, at another server than its own.
import type { Generation } from './conversation';

export interface ChatEntry {
  id: string;
  title: string;
  generation: Generation;
  changedAt: number;
  /** Whether an answer was unfinished when the chat was last kept. */
  isOpen: boolean;
}

const listKey = (shelf: string) => `deltaline.chats ${shelf}`.trimEnd();
const MESSAGES = 'deltaline.chat ';
const MOST_CHATS = 50;

/** Return the chats of a shelf, the latest first. */
export function listChats(shelf: string): ChatEntry[] {
  return read<ChatEntry[]>(listKey(shelf), []);
}

/** Return a chat's messages, in the shape of the client that made them. */
export function loadMessages(id: string): unknown[] {
  return read<unknown[]>(MESSAGES + id, []);
}

/** Keep a chat and return the list. If the browser's storage is full, the oldest chats are dropped. */
export function keepChat(shelf: string, entry: ChatEntry, messages: unknown[]): ChatEntry[] {
  const others = listChats(shelf).filter(({ id }) => id !== entry.id);
  for (const { id } of others.splice(MOST_CHATS - 1)) localStorage.removeItem(MESSAGES + id);
  for (;;) {
    try {
      const chats = [entry, ...others].sort((one, other) => other.changedAt - one.changedAt);
      localStorage.setItem(MESSAGES + entry.id, JSON.stringify(messages));
      localStorage.setItem(listKey(shelf), JSON.stringify(chats));
      return chats;
    } catch {
      const oldest = others.pop();
      // This chat alone is too large, because of its files: it lasts as long as the page.
      if (!oldest) return [entry, ...listChats(shelf).filter(({ id }) => id !== entry.id)];
      localStorage.removeItem(MESSAGES + oldest.id);
    }
  }
}

/** Forget a chat and return the list. */
export function forgetChat(shelf: string, id: string): ChatEntry[] {
  localStorage.removeItem(MESSAGES + id);
  const others = listChats(shelf).filter((entry) => entry.id !== id);
  localStorage.setItem(listKey(shelf), JSON.stringify(others));
  return others;
}

function read<T>(key: string, otherwise: T): T {
  try {
    return JSON.parse(localStorage.getItem(key) ?? '') as T;
  } catch {
    return otherwise;
  }
}
