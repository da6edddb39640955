// Splits the bytes of a response into parts, for the wire panel, not for the chat.

export type Protocol = 'ui' | 'data' | 'other';
export type Kind = 'text' | 'reasoning' | 'tool' | 'frame' | 'data' | 'error' | 'silence' | 'break';

export interface WirePart {
  /** When its last byte arrived, in milliseconds after the request was sent. */
  at: number;
  kind: Kind;
  /** The type of the part: `text-delta`, or `0 text` in the data stream. */
  name: string;
  /** The rest, abridged: of a text delta, the text. */
  says: string;
  /** The bytes on the wire, without the line breaks after them. */
  raw: string;
  /** The number of the network read that completed it, from 0. */
  read: number;
}

/** What is in a part. It is looked at once, as the part comes. */
export interface Reading extends Pick<WirePart, 'kind' | 'name' | 'says'> {
  /** Whether it holds a token: of the answer, the reasoning or a call's arguments. */
  isToken: boolean;
  /** Whether the time until the next token is not the model's: a tool has worked. */
  endsWriting: boolean;
  /** Whether clients count it, who ask for the rest after a break. */
  isChunk: boolean;
  /** Whether the response ends with it. */
  isLast: boolean;
  /** The id of the assistant's message, if the part has it. */
  messageId?: string;
  /** The number of tokens that the model wrote in the whole turn, if the part has it. */
  outputTokens?: number;
}

const DATA_STREAM: Record<string, [Kind, string]> = {
  '0': ['text', 'text'],
  '2': ['data', 'data'],
  '3': ['error', 'error'],
  '8': ['data', 'annotations'],
  '9': ['tool', 'tool call'],
  a: ['tool', 'tool result'],
  b: ['tool', 'tool call start'],
  c: ['tool', 'tool call delta'],
  d: ['frame', 'finish message'],
  e: ['frame', 'finish step'],
  f: ['frame', 'start step'],
  g: ['reasoning', 'reasoning'],
  h: ['data', 'source'],
  i: ['reasoning', 'redacted reasoning'],
  j: ['reasoning', 'reasoning signature'],
  k: ['data', 'file'],
};

const TOKENS = new Set([
  'text-delta',
  'reasoning-delta',
  'tool-input-delta',
  '0 text',
  'g reasoning',
  'c tool call delta',
]);
const PAUSES = /^(tool-output|finish-step|[ae] )/;

/** Return the protocol, judging by the response's headers. */
export function protocolOf(headers: Headers): Protocol {
  const type = headers.get('content-type') ?? '';
  if (headers.has('x-vercel-ai-ui-message-stream') || type.includes('event-stream')) return 'ui';
  if (headers.has('x-vercel-ai-data-stream')) return 'data';
  return 'other';
}

/**
 * Return the protocol, judging by the first bytes. The headers say nothing behind Lambda's invocation
 * API, which passes on only the function's bytes.
 */
export function protocolOfText(text: string): Protocol {
  if (/^(data|event|id|retry|):/.test(text)) return 'ui';
  return /^\n*[0-9a-k]:/.test(text) ? 'data' : 'other';
}

/** Cut `text` into complete parts and the rest, an unfinished one. */
export function split(text: string, protocol: Protocol): [string[], string] {
  const pieces = protocol === 'ui' ? text.split(/\r?\n\r?\n/) : text.split('\n');
  const rest = pieces.pop() ?? '';
  return [pieces, rest];
}

/** Read one part. */
export function readPart(raw: string, protocol: Protocol): Reading {
  if (protocol === 'data') {
    const [kind, name] = DATA_STREAM[raw[0] ?? ''] ?? ['silence', 'keep-alive'];
    const value = parse(raw.slice(2));
    const delta = isRecord(value) && value.argsTextDelta;
    const says = delta ? JSON.stringify(delta) : raw.slice(2);
    return reading(kind, raw ? `${raw[0]} ${name}` : name, says, value);
  }
  if (protocol === 'ui' && raw.startsWith('data:')) {
    const value = parse(raw.slice('data:'.length));
    if (!isRecord(value)) return reading('frame', '[DONE]', '');
    const { type, ...rest } = value;
    const name = String(type);
    const says = JSON.stringify(rest.delta ?? rest.inputTextDelta ?? rest);
    return reading(kindOf(name), name, says === '{}' ? '' : says, value);
  }
  if (raw === '' || raw.startsWith(':')) return reading('silence', 'keep-alive', raw);
  return reading('data', 'body', raw, parse(raw));
}

function reading(kind: Kind, name: string, says: string, value?: unknown): Reading {
  const isToken = TOKENS.has(name);
  const about = isToken || !isRecord(value) ? {} : aboutOf(value);
  return {
    kind,
    name,
    says,
    isToken,
    endsWriting: !isToken && PAUSES.test(name),
    isChunk: kind !== 'silence' && name !== '[DONE]',
    isLast: name === '[DONE]' || name === 'd finish message',
    ...about,
  };
}

function aboutOf(value: Record<string, unknown>): Pick<Reading, 'messageId' | 'outputTokens'> {
  const metadata = isRecord(value.messageMetadata) ? value.messageMetadata : value;
  const usage = isRecord(metadata.usage) ? metadata.usage : {};
  const tokens = usage.outputTokens ?? usage.completionTokens;
  return {
    ...(typeof value.messageId === 'string' ? { messageId: value.messageId } : {}),
    ...(typeof tokens === 'number' ? { outputTokens: tokens } : {}),
  };
}

function kindOf(type: string): Kind {
  if (type === 'text-delta') return 'text';
  if (type.startsWith('reasoning-')) return 'reasoning';
  if (type.startsWith('tool-')) return 'tool';
  if (/^(data-|source-|file|message-metadata)/.test(type)) return 'data';
  return type === 'error' || type === 'abort' ? 'error' : 'frame';
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
