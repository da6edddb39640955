// A chat as a file: as Markdown to read, and as JSON to open again.
//
// A file may come from anybody. So what is opened is made anew of what is known, piece by piece, and
// nothing else of it is taken over: no address that would be fetched, no call that still waits.
import type { UIMessage } from 'ai';
import type { About, Attachment, Message, Part, ToolCall } from './conversation';

const FORMAT = 'deltaline-chat';
const VERSION = 1;
export const MOST_SAVED_BYTES = 32 * 1024 * 1024;
const MOST_MESSAGES = 2000;
const MOST_PARTS = 10_000;
const MOST_NAME = 200;
// What a `data:` URL of a file may hold: nothing that runs.
const FILE_URL = /^data:(image\/(png|jpeg|gif|webp)|application\/pdf)[;,]/;
const IN_VAIN = 'It had no result when the chat was saved.';

/** Return a chat as a JSON document that `openSaved` reads. */
export function asJson(title: string, messages: Message[]): string {
  const saved = messages.map(({ id, role, parts, about }) => {
    return { id, role, parts: parts.flatMap(partToSave), metadata: about };
  });
  return JSON.stringify({ format: FORMAT, version: VERSION, title, messages: saved }, null, 1);
}

/** Return a chat to be read by people. Files are named only. */
export function asMarkdown(title: string, messages: Message[]): string {
  const said = messages.map((message) => {
    const who = message.role === 'user' ? 'You' : (message.about.model ?? 'Answer');
    return [`## ${who}`, ...message.parts.flatMap(partInWords)].join('\n\n');
  });
  return `${[`# ${title.replace(/\s+/g, ' ')}`, ...said].join('\n\n')}\n`;
}

/** Return a name for a chat's file, without its ending. */
export function nameOf(title: string): string {
  const words = title.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.join('-').slice(0, 60) || 'chat';
}

/** Return the messages of a saved chat. Throws an `Error` that says in a sentence what is wrong with it. */
export function openSaved(text: string): UIMessage[] {
  const saved = object(parsed(text));
  if (saved?.format !== FORMAT) throw new Error('This file is not a saved chat.');
  if (saved.version !== VERSION)
    throw new Error('A newer version of this page has saved this chat.');
  const { messages } = saved;
  if (!Array.isArray(messages) || messages.length === 0) throw new Error('This chat is empty.');
  if (messages.length > MOST_MESSAGES) throw new Error('This chat has too many messages.');
  const opened = messages.map((message, index) => messageOf(object(message), index));
  if (opened.reduce((sum, { parts }) => sum + parts.length, 0) > MOST_PARTS) {
    throw new Error('This chat has too many parts.');
  }
  return opened;
}

function partToSave(part: Part): object[] {
  switch (part.kind) {
    case 'text':
    case 'reasoning':
      return [{ type: part.kind, text: part.text }];
    case 'file': {
      const { name: filename, mediaType, url } = part.file;
      return [{ type: 'file', filename, mediaType, url }];
    }
    case 'source':
      return [{ type: 'source-url', sourceId: part.id, title: part.title, url: part.url }];
    case 'tool': {
      const { id: toolCallId, name: toolName, input, output, error, state } = part.call;
      return [{ type: 'dynamic-tool', toolCallId, toolName, input, output, error, state }];
    }
    case 'notice':
      return [];
  }
}

function partInWords(part: Part): string[] {
  switch (part.kind) {
    case 'text':
      return [part.text];
    case 'reasoning':
      return [part.text.replace(/^/gm, '> ')];
    case 'file':
      return [`*File: ${part.file.name}*`];
    case 'source':
      return [part.url ? `Source: [${part.title}](<${part.url}>)` : `Source: ${part.title}`];
    case 'tool': {
      const { name, input, output, error, state } = part.call;
      const result = error ?? (state === 'done' ? output : `(${state})`);
      return [`Tool \`${name}\`:`, block(input), 'Result:', block(result)];
    }
    case 'notice':
      return [];
  }
}

function block(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value, null, 2) ?? 'nothing');
  // Longer than any fence within.
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((fence) => fence.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${typeof value === 'string' ? '' : 'json'}\n${text}\n${fence}`;
}

type UIPart = UIMessage['parts'][number];
type Fields = Record<string, unknown>;

function messageOf(message: Fields | undefined, index: number): UIMessage {
  const where = `Message ${index + 1} of this file`;
  if (message === undefined) throw new Error(`${where} is no message.`);
  const { role, parts } = message;
  if (role !== 'user' && role !== 'assistant')
    throw new Error(`${where} is of nobody who talks here.`);
  if (!Array.isArray(parts)) throw new Error(`${where} has no parts.`);
  return {
    // Ids of our own: one that stands twice would confuse what is drawn by it.
    id: `saved-${index}`,
    role,
    parts: parts.flatMap((part, at) => partOf(object(part) ?? {}, role, `saved-${index}-${at}`)),
    metadata: role === 'assistant' ? aboutOf(object(message.metadata) ?? {}) : undefined,
  };
}

/** Return the part, or nothing if this page does not know it. */
function partOf(part: Fields, role: 'user' | 'assistant', id: string): UIPart[] {
  const text = string(part.text);
  switch (part.type) {
    case 'text':
      return text ? [{ type: 'text', text, state: 'done' }] : [];
    case 'reasoning':
      return text && role === 'assistant' ? [{ type: 'reasoning', text, state: 'done' }] : [];
    case 'file': {
      const file = fileOf(part);
      if (file === undefined)
        return [{ type: 'text', text: '(a file that is not in the saved chat)' }];
      return [{ type: 'file', filename: file.name, mediaType: file.mediaType, url: file.url }];
    }
    case 'source-url': {
      const url = string(part.url);
      if (role === 'user' || !url || !/^https?:\/\//.test(url)) return [];
      return [{ type: 'source-url', sourceId: id, url, title: string(part.title) ?? url }];
    }
    case 'dynamic-tool':
      return role === 'user' ? [] : [callOf(part, id)];
    default:
      return [];
  }
}

/** Return a file whose bytes are in the chat. Anything else would be fetched from somewhere. */
function fileOf({ filename, url }: Fields): Attachment | undefined {
  const data = string(url);
  const mediaType = data && FILE_URL.exec(data)?.[1];
  if (!data || !mediaType) return undefined;
  return { name: (string(filename) ?? 'file').slice(0, MOST_NAME), mediaType, url: data };
}

/** Return a call that is over, however far it had come: nobody is to be asked for it. */
function callOf({ toolName, input, output, error, state }: Fields, toolCallId: string): UIPart {
  const name = string(toolName)?.slice(0, MOST_NAME) || 'tool';
  const call = { type: 'dynamic-tool' as const, toolCallId, toolName: name, input: input ?? {} };
  const isDone: ToolCall['state'] = 'done';
  if (state === isDone) return { ...call, state: 'output-available', output: output ?? null };
  return { ...call, state: 'output-error', errorText: string(error) || IN_VAIN };
}

function aboutOf({ model, timeToFirstTokenMs, durationMs, usage }: Fields): About {
  return {
    // By its model the page knows an answer that is whole.
    model: string(model)?.slice(0, MOST_NAME),
    timeToFirstTokenMs: number(timeToFirstTokenMs),
    durationMs: number(durationMs),
    usage: { outputTokens: number(object(usage)?.outputTokens) },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('This file is not a saved chat.');
  }
}

function object(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : undefined;
}

const string = (value: unknown) => (typeof value === 'string' ? value : undefined);
const number = (value: unknown) => {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
};
