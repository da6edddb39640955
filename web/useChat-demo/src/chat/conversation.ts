// A chat as the components see it, with either client. `version7.tsx` and `version4.tsx` make it from
// what their `useChat` returns; with only one client you do not need this.
import type { Wishes } from './offer';
import type { ServerChats } from './serverChats';
import type { Version } from './versions';

export type Generation = '7' | '4';

export interface Conversation {
  messages: Message[];
  status: 'submitted' | 'streaming' | 'ready' | 'error';
  error: Error | undefined;
  send(text: string, files: Attachment[]): void;
  /** Stop the answer. Throws an `Error` that says in a sentence why it goes on. */
  stop(): Promise<void>;
  /** Whether the connection is cut, and the answer waits for another one. */
  isBroken: boolean;
  /** Whether the connection broke while the server goes on with the answer. */
  isCutOff: boolean;
  /** Why an answer ended, where that is known and not what one expects. */
  endOf(message: Message): Ending | undefined;
  /** Ask again for an answer, or for the last one, even if it failed. What came after it goes. */
  regenerate(messageId?: string): Promise<void>;
  /** How many older files the last request has left out: see `outgoing.ts`. */
  leftOut: number;
  /** Ask again without any older file; there if the server has refused a request as too large. */
  sendWithoutOlderFiles?(): void;
  /** Replace a message of the user and everything after it. */
  edit(messageId: string, text: string): void;
  /** Give the result of a call that runs in the browser. */
  answer(call: ToolCall, output: unknown): void;
  /** Report that the browser cannot or may not run the call. */
  refuse(call: ToolCall, reason: string): void;
  /** Reply to an approval request. AI SDK 4 has none: there the server refuses such calls itself. */
  approve?(call: ToolCall, isApproved: boolean): void;
}

/** A conversation that shows one of its versions; places count from the first message, from 0. */
export interface Versioned extends Conversation {
  versionAt(place: number): Version | undefined;
  /** Show another version of a message, and what came after that. */
  showVersion(place: number, number: number): void;
  /** Whether a version is shown that the server does not hold any more, so that nothing can be sent. */
  isPast: boolean;
  showLatest(): void;
}

/** `cut`: longer than the model may write; `filtered`: withheld by its provider; `failed`: by an error. */
export type Ending = 'cut' | 'filtered' | 'failed';

export interface Message {
  id: string;
  role: 'user' | 'assistant';
  parts: Part[];
  about: About;
}

/** The server's metadata of a finished message. */
export interface About {
  model?: string;
  timeToFirstTokenMs?: number;
  durationMs?: number;
  usage?: { outputTokens?: number };
}

export type Part =
  | { kind: 'text'; text: string; isStreaming: boolean }
  | { kind: 'reasoning'; text: string; isStreaming: boolean }
  | { kind: 'file'; file: Attachment }
  | { kind: 'source'; id: string; title: string; url?: string }
  | { kind: 'tool'; call: ToolCall }
  | { kind: 'notice'; text: string };

/** A file as it is sent: `url` is a data URL. */
export interface Attachment {
  name: string;
  mediaType: string;
  url: string;
}

/**
 * A tool call. `asking` waits for the user's approval; `running` for the result of the server's
 * function or, if the server has none, of the browser's.
 */
export interface ToolCall {
  id: string;
  name: string;
  state: 'writing' | 'running' | 'asking' | 'allowed' | 'denied' | 'done' | 'failed';
  input: unknown;
  output?: unknown;
  error?: string;
  /** The tool's latest status. */
  progress?: string;
  approvalId?: string;
}

/** What has become of a chat. */
export interface Change {
  /** In the client's own shape. */
  messages: unknown[];
  title: string;
  /** Whether an answer is under way. */
  isOpen: boolean;
  /** Whether the page goes away. */
  isLeaving: boolean;
  /** See `Conversation`. */
  isCutOff: boolean;
}

/** What both clients need to open a chat. */
export interface ChatProps {
  chatId: string;
  /** In the client's own shape. */
  initialMessages: unknown[];
  api: string;
  fetch: typeof globalThis.fetch;
  /** Says who asks, with the token of the moment. */
  headers: () => Record<string, string>;
  server: ServerChats;
  /** The model and the instructions that the user has chosen. */
  wishes: Wishes;
  /** Ask the server for the stream of an answer that was unfinished when the chat was opened. */
  resume: boolean;
  /** Called whenever there is something to keep. */
  onChange(change: Change): void;
  children(conversation: Versioned): React.ReactNode;
}

/** Return the text of a message. */
export function textOf(message: Message | undefined): string {
  return (message?.parts ?? []).map((part) => (part.kind === 'text' ? part.text : '')).join('');
}

/** Return what a chat is called: its first words. */
export function titleOf(messages: Message[]): string {
  return (textOf(messages[0]).trim() || 'A file').slice(0, 80);
}

/** Return the error as a sentence; the server's response is `{"success":false,"error":"…"}`. */
export function wordsOf(error: Error): string {
  try {
    const body: unknown = JSON.parse(error.message);
    if (typeof body === 'object' && body !== null && 'error' in body) return String(body.error);
  } catch {
    // Not JSON: an error part of the stream, or the browser's own words.
  }
  if (/failed to fetch|networkerror|load failed/i.test(error.message)) {
    if (!navigator.onLine) return 'You are offline. Try again when the network is back.';
    return 'The server cannot be reached. Is it running, and does it allow this page’s origin (CORS)?';
  }
  if (isBreak(error)) return 'The connection broke before the answer was complete.';
  return error.message || 'Something went wrong.';
}

/** Whether it is the browser's word for a connection that broke, before the response or within it. */
export function isBreak(error: Error): boolean {
  return (
    error instanceof TypeError || /^(network error|input stream|connection)/i.test(error.message)
  );
}

/** Make `viewOf` return the same view for the same message, so that React skips unchanged messages. */
export function perMessage<M extends object>(viewOf: (message: M) => Message) {
  const views = new WeakMap<M, Message>();
  return (message: M): Message => {
    const view = views.get(message) ?? viewOf(message);
    views.set(message, view);
    return view;
  };
}
