// What goes along with a message: the model and the instructions that the user has chosen, and of the
// files in the history as many as the server takes.
//
// Without a store each request carries the whole history. A file of the first message would go along
// for ever, until no further message fits. So what is older is then sent without its bytes; a note
// takes their place, for the model. The page still shows them.
import { useState } from 'react';
import type { Wishes } from './offer';
import type { ServerChats } from './serverChats';

/** A message of either client, as far as its files go. */
interface Sent {
  role: string;
  content?: unknown;
  parts?: SentPart[];
  /** Of AI SDK 4. */
  experimental_attachments?: { name?: string; contentType?: string; url: string }[];
}

interface SentPart {
  type: string;
  [key: string]: unknown;
}

// For what stands beside the messages, and for what a proxy or Lambda wraps around the body.
const ROOM = 0.97;

export interface Outgoing {
  /** Sends like the `fetch` it was made with, and notes whether a request was too large. */
  fetch: typeof globalThis.fetch;
  /** Return what is to be sent of the history. */
  messages<M extends object>(history: M[]): M[];
  /** Return what else a request's body has to say. */
  choices(): { model?: string };
  /** How many files the last request has left out, because it would have been too large. */
  leftOut: number;
  /** Whether the last request was too large for the server, and older files can be left out. */
  canLeaveOut: boolean;
  /** From now on no older file is sent. */
  leaveOut(): void;
}

/** `systemMessage` makes a message of instructions in the client's own shape. */
export function useOutgoing(
  server: ServerChats,
  wishes: Wishes,
  fetch: typeof globalThis.fetch,
  systemMessage: (text: string) => object,
): Outgoing {
  const [leftOut, setLeftOut] = useState(0);
  const [canLeaveOut, setCan] = useState(false);
  const [own] = useState(() => {
    const state = { leavesAllOut: false, sent: [] as Sent[] };
    const noting: typeof globalThis.fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (init?.method === 'POST') {
        const isTooLarge = response.status === 413 && !state.leavesAllOut;
        setCan(isTooLarge && filesIn(state.sent.slice(0, newestAt(state.sent))) > 0);
      }
      return response;
    };
    return {
      fetch: noting,
      messages<S extends object>(history: S[]): S[] {
        // The server has them.
        const mostBytes = server.keeps || state.leavesAllOut ? 0 : wishes.wish.offer.mostBodyBytes;
        const { messages, files } = fitting(history as unknown as Sent[], mostBytes * ROOM);
        state.sent = messages;
        setLeftOut(server.keeps ? 0 : files);
        const first = wishes.system ? [systemMessage(wishes.system)] : [];
        return [...first, ...messages] as unknown as S[];
      },
      choices: () => (wishes.model === undefined ? {} : { model: wishes.model }),
      leaveOut: () => {
        state.leavesAllOut = true;
        setCan(false);
      },
    };
  });
  return { ...own, leftOut, canLeaveOut };
}

/**
 * Return the messages without the bytes of their oldest files, as many as it takes for them to fit,
 * and how many files that are. The user's last message keeps its own.
 */
export function fitting(history: Sent[], mostBytes: number): { messages: Sent[]; files: number } {
  if (filesIn(history) === 0) return { messages: history, files: 0 };
  const messages = [...history];
  let bytes = messages.reduce((sum, message) => sum + sizeOf(message), 0);
  let files = 0;
  for (let at = 0; at < newestAt(history) && bytes > mostBytes; at += 1) {
    const message = history[at] as Sent;
    const count = filesIn([message]);
    if (count === 0) continue;
    const without = withoutFiles(message);
    messages[at] = without;
    bytes += sizeOf(without) - sizeOf(message);
    files += count;
  }
  return { messages, files };
}

/** Return where the user's last message stands. */
const newestAt = (history: Sent[]) => history.findLastIndex(({ role }) => role === 'user');

function filesIn(messages: Sent[]): number {
  return messages.reduce((sum, { parts = [], experimental_attachments: files = [] }) => {
    return sum + parts.filter(isFile).length + files.filter(({ url }) => isData(url)).length;
  }, 0);
}

function withoutFiles(message: Sent): Sent {
  const { parts, experimental_attachments: files = [] } = message;
  const left = parts?.map((part): SentPart => {
    return isFile(part)
      ? { type: 'text', text: noteOf(part.filename ?? part.mediaType ?? part.mimeType) }
      : part;
  });
  const gone = files.filter(({ url }) => isData(url));
  if (gone.length === 0) return { ...message, parts: left };
  const notes = gone.map(({ name, contentType }) => noteOf(name ?? contentType));
  return {
    ...message,
    content: [message.content, ...notes].filter(Boolean).join('\n'),
    parts: [...(left ?? []), ...notes.map((text) => ({ type: 'text', text }))],
    experimental_attachments: files.filter(({ url }) => !isData(url)),
  };
}

/** Whether a part holds a file's bytes: AI SDK 5 and later have them in `url`, 4 in `data`. */
const isFile = ({ type, url, data }: SentPart) => {
  return type === 'file' && (isData(url) || typeof data === 'string');
};

const isData = (url: unknown) => typeof url === 'string' && url.startsWith('data:');
const noteOf = (name: unknown) =>
  `[Here was a file: ${String(name ?? 'without a name')}. It is not sent again.]`;
const sizeOf = (message: Sent) => new TextEncoder().encode(JSON.stringify(message)).byteLength;
