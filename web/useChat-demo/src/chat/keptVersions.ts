// The versions of a chat are kept for as long as its tab: a reload finds them, nobody else does.
import { VERSIONS } from '../signIn';
import type { Path } from './versions';

/** As it is stored: each message once, and the paths as places in that list. */
interface Kept {
  messages: unknown[];
  paths: number[][];
}

/** Return the paths of a chat that this tab has kept. */
export function keptPaths<M>(chatId: string): Path<M>[] {
  try {
    const { messages, paths } = JSON.parse(sessionStorage.getItem(VERSIONS + chatId) ?? '') as Kept;
    return paths.map((path) => path.map((place) => messages[place] as M));
  } catch {
    return [];
  }
}

/** Keep the paths of a chat. What does not fit into the tab's storage lasts as long as the page. */
export function keepPaths<M>(chatId: string, paths: Path<M>[]): void {
  const messages = [...new Set(paths.flat())];
  const placeOf = new Map(messages.map((message, place) => [message, place]));
  const kept: Kept = {
    messages,
    paths: paths.map((path) => path.map((message) => placeOf.get(message) ?? 0)),
  };
  try {
    sessionStorage.setItem(VERSIONS + chatId, JSON.stringify(kept));
  } catch {
    forgetPaths(chatId);
  }
}

export function forgetPaths(chatId: string): void {
  sessionStorage.removeItem(VERSIONS + chatId);
}
