// Records what goes over the network while the chat reads it, without holding back a byte.
import { useSyncExternalStore } from 'react';
import { Recording, type Exchange } from './exchange';

const KEPT = 12;
// Faster than this nobody reads figures; it leaves the page's time to the answer.
const EVERY_MS = 100;
let recordings: readonly Recording[] = [];
let exchanges: readonly Exchange[] = [];
const listeners = new Set<() => void>();
let isScheduled = false;
let toldAt = -Infinity;

/** Return the latest exchanges, oldest first; the component renders again as parts arrive. */
export function useExchanges(): readonly Exchange[] {
  return useSyncExternalStore(subscribe, () => exchanges);
}

/** Return the exchange that brought a message; the component renders again when that has changed. */
export function useExchangeOf(messageId: string): Exchange | undefined {
  return useSyncExternalStore(subscribe, () =>
    exchanges.findLast((exchange) => exchange.messageId === messageId),
  );
}

/** Call `fetch`, and record what is sent and what arrives. */
export async function record(input: RequestInfo | URL, init: RequestInit): Promise<Response> {
  const url = String(input instanceof Request ? input.url : input);
  const recording = recordings.findLast((one) => one.isContinuedBy(url)) ?? begin(url, init);
  recording.tries();
  const isAborted = () => init.signal?.aborted === true;
  const stop = () => {
    recording.stopped();
    changed();
  };
  const fail = () => {
    if (isAborted()) return stop();
    recording.broke();
    changed();
  };
  changed();
  init.signal?.addEventListener('abort', stop, { once: true });

  let response: Response;
  try {
    response = await fetch(input, init);
  } catch (error) {
    fail();
    throw error;
  }
  recording.responded(response, url);
  changed();
  // A 204 has no body, but some browsers give an empty stream instead.
  if (response.body === null || response.status === 204) {
    recording.completed();
    changed();
    return response;
  }
  // With a reader of its own, as in `body.tee()`, the request would go on after the chat stops reading.
  const source = response.body.getReader();
  const watched = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await source.read();
        if (done) {
          recording.completed();
          changed();
          controller.close();
          return;
        }
        recording.took(value);
        changed();
        controller.enqueue(value);
      } catch (error) {
        fail();
        controller.error(error);
      }
    },
    cancel(reason) {
      stop();
      return source.cancel(reason);
    },
  });
  const { status, statusText, headers } = response;
  return new Response(watched, { status, statusText, headers });
}

function begin(url: string, init: RequestInit): Recording {
  const recording = new Recording({
    id: (recordings.at(-1)?.id ?? 0) + 1,
    method: init.method ?? 'GET',
    url,
    sent: typeof init.body === 'string' ? init.body : '',
  });
  recordings = [...recordings, recording].slice(-KEPT);
  return recording;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Notify the components, at most once in `EVERY_MS`: that may bring many parts. */
function changed(): void {
  if (isScheduled) return;
  isScheduled = true;
  const tell = () => {
    isScheduled = false;
    toldAt = performance.now();
    exchanges = recordings.map((recording) => recording.state);
    for (const listener of listeners) listener();
  };
  const wait = EVERY_MS - (performance.now() - toldAt);
  // A page in the background gets no animation frames, but its parts count too.
  if (document.hidden) setTimeout(tell, 100);
  else if (wait > 0) setTimeout(() => requestAnimationFrame(tell), wait);
  else requestAnimationFrame(tell);
}
