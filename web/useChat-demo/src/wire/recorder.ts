// Records what goes over the network while the chat reads it, without holding back a byte.
import { useSyncExternalStore } from 'react';
import {
  isToken,
  messageIdIn,
  outputTokensIn,
  protocolOf,
  protocolOfText,
  readPart,
  split,
  type Protocol,
  type WirePart,
} from './parts';

/** One request and its response. Times are in milliseconds after the request was sent. */
export interface Exchange {
  id: number;
  method: string;
  url: string;
  sent: string;
  headersAt?: number;
  status?: number;
  protocol: Protocol;
  parts: WirePart[];
  reads: number;
  bytes: number;
  end?: { at: number; how: 'complete' | 'stopped' | 'failed' };
  messageId?: string;
}

export interface Speed {
  firstTokenMs?: number;
  tokensPerSecond?: number;
  tokens: number;
  /** Whether the number of tokens is the model's own count, not the number of deltas. */
  isCounted: boolean;
}

const KEPT = 12;
let exchanges: readonly Exchange[] = [];
const listeners = new Set<() => void>();
let scheduled = false;

/** Return the latest exchanges, oldest first; the component renders again as parts arrive. */
export function useExchanges(): readonly Exchange[] {
  return useSyncExternalStore(subscribe, () => exchanges);
}

/** Call `fetch`, and record what is sent and what arrives. */
export async function record(input: RequestInfo | URL, init: RequestInit): Promise<Response> {
  const began = performance.now();
  const exchange: Exchange = {
    id: (exchanges.at(-1)?.id ?? 0) + 1,
    method: init.method ?? 'GET',
    url: String(input instanceof Request ? input.url : input),
    sent: typeof init.body === 'string' ? init.body : '',
    protocol: 'other',
    parts: [],
    reads: 0,
    bytes: 0,
  };
  exchanges = [...exchanges, exchange].slice(-KEPT);
  changed();
  const end = (how: 'complete' | 'stopped' | 'failed') => {
    // The client stops reading at an error part.
    const hasFailed = exchange.parts.some(({ kind }) => kind === 'error');
    exchange.end ??= { at: performance.now() - began, how: hasFailed ? 'failed' : how };
    changed();
  };
  const isAborted = () => init.signal?.aborted === true;
  init.signal?.addEventListener('abort', () => end('stopped'), { once: true });

  let response: Response;
  try {
    response = await fetch(input, init);
  } catch (error) {
    end(isAborted() ? 'stopped' : 'failed');
    throw error;
  }
  exchange.headersAt = performance.now() - began;
  exchange.status = response.status;
  exchange.protocol = protocolOf(response.headers);
  changed();
  // A 204 has no body, but some browsers give an empty stream instead.
  if (response.body === null || response.status === 204) {
    end('complete');
    return response;
  }

  // With a reader of its own, as in `body.tee()`, the request would go on after the chat stops reading.
  // So the bytes are inspected as they pass.
  const decoder = new TextDecoder();
  let rest = '';
  const take = (text: string, isLast: boolean) => {
    rest += text;
    if (exchange.bytes > 0 && exchange.reads <= 1 && exchange.protocol === 'other') {
      exchange.protocol = protocolOfText(rest);
    }
    const [whole, unfinished] = split(rest, exchange.protocol);
    rest = unfinished;
    if (isLast && rest !== '') whole.push(rest);
    for (const raw of whole) {
      const read = Math.max(0, exchange.reads - 1);
      const at = performance.now() - began;
      const part = { ...readPart(raw, exchange.protocol), at, read };
      exchange.parts.push(part);
      exchange.messageId ??= messageIdIn(part);
    }
    changed();
  };
  const source = response.body.getReader();
  const watched = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await source.read();
        if (done) {
          take(decoder.decode(), true);
          end('complete');
          controller.close();
          return;
        }
        exchange.reads += 1;
        exchange.bytes += value.byteLength;
        take(decoder.decode(value, { stream: true }), false);
        controller.enqueue(value);
      } catch (error) {
        end(isAborted() ? 'stopped' : 'failed');
        controller.error(error);
      }
    },
    cancel(reason) {
      end('stopped');
      return source.cancel(reason);
    },
  });
  const { status, statusText, headers } = response;
  return new Response(watched, { status, statusText, headers });
}

/** Return the speed of the answer. */
export function speedOf(exchange: Exchange): Speed {
  const tokenParts = exchange.parts.filter(isToken);
  const counted = exchange.parts.map(outputTokensIn).filter((tokens) => tokens !== undefined);
  // A data stream counts each step (`e:`) and then the sum (`d:`): the last one is the total.
  const tokens = counted.at(-1) ?? tokenParts.length;
  // The time that tools take between two steps is not the model's.
  let writing = 0;
  let previous: WirePart | undefined;
  for (const part of exchange.parts) {
    if (isToken(part)) {
      if (previous) writing += part.at - previous.at;
      previous = part;
    } else if (/^(tool-output|finish-step|[ae] )/.test(part.name)) {
      previous = undefined;
    }
  }
  return {
    firstTokenMs: tokenParts[0]?.at,
    tokensPerSecond: writing > 0 && tokens > 1 ? (tokens - 1) / (writing / 1000) : undefined,
    tokens,
    isCounted: counted.length > 0,
  };
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Notify the components, at most once per animation frame: one may bring many parts. */
function changed(): void {
  if (scheduled) return;
  scheduled = true;
  // A page in the background gets no animation frames, but its parts count too.
  const tell = () => {
    scheduled = false;
    exchanges = [...exchanges];
    for (const listener of listeners) listener();
  };
  if (document.hidden) setTimeout(tell, 100);
  else requestAnimationFrame(tell);
}
