// The files of messages, apart from them: messages are kept again with each change, files once.

// A shorter one may stay where it is.
const MOST_LETTERS = 1000;
const KEPT = 'kept-file:';

/** The files of the chats that this page has shown, by their ids and the other way round. */
export class KeptFiles {
  readonly #ids = new Map<string, string>();
  readonly #urls = new Map<string, string>();

  /** Remember a file that is kept already. */
  know(id: string, url: string): void {
    this.#ids.set(url, id);
    this.#urls.set(id, url);
  }

  /** Return messages whose data URLs are references, and the files that these name. */
  apart(messages: unknown[]): { messages: unknown[]; files: Map<string, string> } {
    const files = new Map<string, string>();
    const replaced = mapped(messages, (text) => {
      if (text.length < MOST_LETTERS || !text.startsWith('data:')) return text;
      const id = this.#ids.get(text) ?? newId();
      this.know(id, text);
      files.set(id, text);
      return KEPT + id;
    });
    return { messages: replaced as unknown[], files };
  }

  /** Return messages with their data URLs. What is not known stays a reference. */
  together(messages: unknown[]): unknown[] {
    return mapped(messages, (text) => {
      return text.startsWith(KEPT) ? (this.#urls.get(text.slice(KEPT.length)) ?? text) : text;
    }) as unknown[];
  }
}

/** Return a JSON value with other texts. */
function mapped(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => mapped(item, change));
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, mapped(item, change)]),
  );
}

const newId = () => Date.now().toString(36) + Math.random().toString(36).slice(2, 10);
