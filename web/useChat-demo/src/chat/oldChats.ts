// Chats that an earlier version of this page has kept in `localStorage`. They are handed out once.
import type { ChatEntry, KeptChat } from './browserChats';

const LISTS = /^deltaline\.chats( (?<shelf>.*))?$/s;
const MESSAGES = 'deltaline.chat ';

/** Take the chats of all shelves out of `localStorage`. */
export function oldChats(): { kept: KeptChat; messages: unknown[] }[] {
  const found: { kept: KeptChat; messages: unknown[] }[] = [];
  for (const key of Object.keys(localStorage)) {
    const list = LISTS.exec(key);
    if (!list) continue;
    for (const entry of read<ChatEntry>(key)) {
      const kept = { ...entry, shelf: list.groups?.shelf ?? '' };
      found.push({ kept, messages: read(MESSAGES + entry.id) });
      localStorage.removeItem(MESSAGES + entry.id);
    }
    localStorage.removeItem(key);
  }
  return found;
}

function read<T>(key: string): T[] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(key) ?? '');
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
