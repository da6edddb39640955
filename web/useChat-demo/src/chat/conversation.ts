// What the components see of a chat, whichever client is behind it. `version7.tsx` and
// `version4.tsx` make it from what their `useChat` returns; with one client you need none of this.

export type Generation = '7' | '4';

export interface Conversation {
  messages: Message[];
  status: 'submitted' | 'streaming' | 'ready' | 'error';
  error: Error | undefined;
  send(text: string, files: Attachment[]): void;
  stop(): void;
  /** Ask again for the last answer, or for the one that failed. */
  regenerate(): void;
  /** Replace a message of the user and everything behind it. */
  edit(messageId: string, text: string): void;
  /** Answer a call that only the browser can answer. */
  answer(call: ToolCall, output: unknown): void;
  /** Tell that the browser cannot or may not answer it. */
  refuse(call: ToolCall, reason: string): void;
  /** Let a tool run, or not. AI SDK 4 has no approvals: its server refuses such calls itself. */
  approve?(call: ToolCall, isApproved: boolean): void;
}

export interface Message {
  id: string;
  role: 'user' | 'assistant';
  parts: Part[];
  about: About;
}

/** What the server says about a finished message. */
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

/** A file as it travels: `url` is a data URL. */
export interface Attachment {
  name: string;
  mediaType: string;
  url: string;
}

/**
 * A tool call. `asking` waits for the user's approval; `running` for the server's function or, for a
 * tool that has none there, for the browser's answer.
 */
export interface ToolCall {
  id: string;
  name: string;
  state: 'writing' | 'running' | 'asking' | 'allowed' | 'denied' | 'done' | 'failed';
  input: unknown;
  output?: unknown;
  error?: string;
  /** What the tool said last of its progress. */
  progress?: string;
  approvalId?: string;
}

/** What both generations need to open a chat. */
export interface ChatProps {
  chatId: string;
  /** In the client's own shape, as `onChange` gave them. */
  initialMessages: unknown[];
  api: string;
  fetch: typeof globalThis.fetch;
  /** Ask the server for the stream of an answer that was under way when the page was closed. */
  resume: boolean;
  /** Told the messages, in the client's own shape, whenever there is something to keep. */
  onChange(messages: unknown[], title: string, isOpen: boolean): void;
  children(conversation: Conversation): React.ReactNode;
}

/** Return the text of a message. */
export function textOf(message: Message | undefined): string {
  return (message?.parts ?? []).map((part) => (part.kind === 'text' ? part.text : '')).join('');
}

/** Return the error in words: the server answers `{"success":false,"error":"…"}`. */
export function wordsOf(error: Error): string {
  try {
    const body: unknown = JSON.parse(error.message);
    if (typeof body === 'object' && body !== null && 'error' in body) return String(body.error);
  } catch {
    // Not JSON: an error part of the stream, or the browser's own words.
  }
  if (/failed to fetch|networkerror|load failed/i.test(error.message)) {
    return 'The server cannot be reached. Is it running, and does it allow this page’s origin (CORS)?';
  }
  return error.message || 'Something went wrong.';
}

/** Make `viewOf` return the same view for the same message, so that React skips what stays. */
export function perMessage<M extends object>(viewOf: (message: M) => Message) {
  const views = new WeakMap<M, Message>();
  return (message: M): Message => {
    const view = views.get(message) ?? viewOf(message);
    views.set(message, view);
    return view;
  };
}
