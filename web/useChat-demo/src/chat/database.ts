// IndexedDB, as far as the page needs it: it takes files, which `localStorage` has no room for.

export const CHATS = 'chats';
export const MESSAGES = 'messages';
export const FILES = 'files';

const NAME = 'deltaline';

/** Open the page's database. Throws where the browser keeps none, as in some private windows. */
export function openDatabase(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(NAME, 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore(CHATS, { keyPath: 'id' });
      opening.result.createObjectStore(MESSAGES);
      // Under a chat's id and their own.
      opening.result.createObjectStore(FILES);
    };
    opening.onsuccess = () => {
      const database = opening.result;
      // A later version of this page, in another tab, would wait for ever.
      database.onversionchange = () => database.close();
      resolve(database);
    };
    opening.onerror = () => reject(opening.error ?? new Error('The database cannot be opened.'));
  });
}

/** Return what a request gives. */
export function given<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('The database does not respond.'));
  });
}

/**
 * Change all of it, or nothing. The changes are under way when this returns, so that they are made
 * even if the page goes away.
 */
export function changed(database: IDBDatabase, change: (all: Stores) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction([CHATS, MESSAGES, FILES], 'readwrite');
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error('Nothing was kept.'));
    change({
      chats: transaction.objectStore(CHATS),
      messages: transaction.objectStore(MESSAGES),
      files: transaction.objectStore(FILES),
    });
    transaction.commit();
  });
}

export interface Stores {
  chats: IDBObjectStore;
  messages: IDBObjectStore;
  files: IDBObjectStore;
}

/** The keys of a chat's files. */
export const filesOf = (chatId: string) => IDBKeyRange.bound([chatId], [chatId, []]);
