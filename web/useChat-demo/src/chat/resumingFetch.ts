// A `fetch` whose answer goes on by itself after its connection broke. Yours to copy: it needs nothing else.
//
// It is for servers that keep a turn's stream, as this one does with `CHAT_STORE`: a response names its turn
// (`x-chat-turn-id`), and `GET {api}/{turn}/stream?startIndex=N` brings what comes after the N-th chunk, byte for
// byte (docs/durability.md). So it counts chunks, and hands on no chunk twice and leaves none out; the client
// above it never knows. That may be `useChat` of any AI SDK: give it to `DefaultChatTransport` of 5, 6 or 7 (or
// take `resumingTransport.ts`), or to the hook of 4. Responses without a turn pass untouched.

export interface ResumingOptions {
  /** What sends the requests. */
  fetch?: typeof globalThis.fetch;
  /** Headers for the requests that go on. Asked before each: a token may have changed since. */
  headers?: () => HeadersInit | Promise<HeadersInit>;
  /** How long to wait before each try, in milliseconds; when all have failed, it gives up. */
  pausesMs?: readonly number[];
  /** Called with `true` when the connection has broken, with `false` when the answer goes on or is given up. */
  onBroken?: (isBroken: boolean) => void;
}

/** The answer's end is out of reach. The message is for users. */
export class ConnectionLost extends TypeError {}

const PAUSES_MS = [200, 500, 1000, 2000, 4000, 8000, 8000, 8000, 8000];
// The server breaks every silence after ten seconds. A phone that has slept holds a connection that is dead.
const LONGEST_SILENCE_MS = 40_000;

/** Return a `fetch` for streams of either protocol, UI message stream or data stream. */
export function resumingFetch(options: ResumingOptions = {}): typeof globalThis.fetch {
  return async (input, init = {}) => {
    const leaving = new AbortController();
    const signal = init.signal ? AbortSignal.any([init.signal, leaving.signal]) : leaving.signal;
    const send = options.fetch ?? globalThis.fetch;
    const response = await send(input, { ...init, signal });
    const { status, statusText, headers } = response;
    const turnId = headers.get('x-chat-turn-id');
    const format = formatOf(headers);
    if (status !== 200 || !response.body || !turnId || !format) return response;
    const url = String(input instanceof Request ? input.url : input);
    const address = new Address(url, turnId, init.method, format);
    const connection = new Connection(address, format, { ...init, signal }, options);
    const answer = whole(response, new Received(format, address.isCounted), connection);
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        try {
          const { done, value } = await answer.next();
          if (done) controller.close();
          else controller.enqueue(encoder.encode(value));
        } catch (error) {
          controller.error(error);
        }
      },
      cancel() {
        leaving.abort();
      },
    });
    return new Response(body, { status, statusText, headers });
  };
}

/** Yield an answer's text, whatever connections bring it. */
async function* whole(first: Response, received: Received, connection: Connection) {
  let response = first;
  for (;;) {
    try {
      for await (const text of connection.read(response)) {
        const fresh = received.take(text);
        if (fresh) yield fresh;
      }
    } catch (error) {
      if (connection.isLeft) throw error;
    }
    if (received.isWhole) return;
    response = await connection.goOn(received);
  }
}

/** What clients count, and how it is told apart. */
interface Format {
  name: 'ui' | 'data';
  /** What ends a chunk. */
  mark: string;
  isChunk(text: string): boolean;
  /** Whether nothing that matters comes after this. */
  isLast(text: string): boolean;
  /** Chunks of a text, of which a replay may bring several in one. */
  isDelta(text: string): boolean;
  readDelta(chunk: string): Delta;
}

interface Delta {
  /** Which text it is of. */
  key: string;
  text: string;
  /** Return the chunk with another text. */
  saying(text: string): string;
}

// One server-sent event a chunk; comments keep the connection alive.
const UI: Format = {
  name: 'ui',
  mark: '\n\n',
  isChunk: (event) => event.startsWith('data: {'),
  isLast: (event) => event.startsWith('data: [DONE]'),
  isDelta: (event) => /^data: \{"type":"(?:text|reasoning|tool-input)-delta"/.test(event),
  readDelta: (event) => {
    const chunk = JSON.parse(event.slice('data: '.length)) as Record<string, string>;
    const field = chunk.type === 'tool-input-delta' ? 'inputTextDelta' : 'delta';
    return {
      key: `${chunk.type} ${chunk.id ?? chunk.toolCallId}`,
      text: chunk[field] ?? '',
      saying: (text) => `data: ${JSON.stringify({ ...chunk, [field]: text })}`,
    };
  },
};

// One line a chunk; blank lines keep the connection alive.
const DATA: Format = {
  name: 'data',
  mark: '\n',
  isChunk: (line) => line !== '',
  isLast: (line) => line.startsWith('d:') || line.startsWith('3:'),
  isDelta: (line) => /^[0gc]:/.test(line),
  readDelta: (line) => {
    const code = line.slice(0, 2);
    const value = JSON.parse(line.slice(2)) as
      string | { toolCallId: string; argsTextDelta: string };
    if (typeof value === 'string') {
      return { key: code, text: value, saying: (text) => code + JSON.stringify(text) };
    }
    return {
      key: code + value.toolCallId,
      text: value.argsTextDelta,
      saying: (argsTextDelta) => code + JSON.stringify({ ...value, argsTextDelta }),
    };
  },
};

function formatOf(headers: Headers): Format | undefined {
  if (headers.has('x-vercel-ai-ui-message-stream')) return UI;
  return headers.has('x-vercel-ai-data-stream') ? DATA : undefined;
}

/** What has been handed on of an answer, so that what comes again can be left out. */
class Received {
  /** Whether the answer's last chunk has come. */
  isWhole = false;
  readonly #format: Format;
  /** How many chunks have come; `undefined` where the server does not count them as we do. */
  #count: number | undefined;
  #isDistrusted = false;
  #last = '';
  /** The same without numbers: the chunks that are no deltas, and the deltas since the last of them. */
  #others: string[] = [];
  #deltas: string[] = [];
  /** Returns what is new of a chunk, while some may come again. */
  #freshOf: ((chunk: string) => string | undefined) | undefined;

  /** `isCounted`: the server can bring the chunks after the N-th. */
  constructor(format: Format, isCounted: boolean) {
    this.#format = format;
    this.#count = isCounted ? 0 : undefined;
  }

  /** Expect a response that goes on. Return after which chunk it is to begin, if they are counted. */
  expectRest(): number | undefined {
    if (this.#count && !this.#isDistrusted) {
      this.#freshOf = this.#afterLast();
      return this.#count - 1;
    }
    this.#isDistrusted = false;
    this.#freshOf = this.#afterReplay();
    if (this.#count !== undefined) this.#count = 0;
    return this.#count;
  }

  /** Return what is new of a text that ends where a chunk ends. */
  take(text: string): string {
    const { mark, isChunk, isLast } = this.#format;
    const fresh: string[] = [];
    for (const piece of text.split(mark).slice(0, -1)) {
      const counts = isChunk(piece);
      const rest = this.#freshOf && (counts || isLast(piece)) ? this.#freshOf(piece) : piece;
      if (rest === undefined) continue;
      if (counts) this.#note(rest);
      this.isWhole ||= isLast(rest);
      fresh.push(rest + mark);
    }
    return fresh.join('');
  }

  #note(chunk: string): void {
    this.#last = chunk;
    if (this.#count !== undefined) this.#count += 1;
    if (this.#format.isDelta(chunk)) {
      this.#deltas.push(chunk);
    } else {
      this.#others.push(chunk);
      this.#deltas = [];
    }
  }

  /**
   * The last chunk comes once more. If it is another one, the server does not count as we do: it has lost
   * the end of its log with the process that wrote it, or what it sent at first was a replay.
   */
  #afterLast() {
    return (chunk: string): undefined => {
      if (chunk !== this.#last) {
        this.#isDistrusted = true;
        throw new Error('The chunks are counted in another way.');
      }
      this.#freshOf = undefined;
    };
  }

  /** All comes once more, with deltas joined in another way. */
  #afterReplay() {
    const { isDelta, readDelta } = this.#format;
    const others = this.#others;
    const said = new Map<string, number>();
    for (const { key, text } of this.#deltas.map(readDelta)) {
      said.set(key, (said.get(key) ?? 0) + text.length);
    }
    let seen = 0;
    return (chunk: string): string | undefined => {
      let rest: string | undefined;
      if (!isDelta(chunk)) {
        seen += 1;
        if (chunk !== others[seen - 1]) {
          // From here on all of it is new.
          this.#freshOf = undefined;
          return chunk;
        }
      } else if (seen === others.length) {
        const { key, text, saying } = readDelta(chunk);
        const has = said.get(key) ?? 0;
        said.set(key, Math.max(0, has - text.length));
        if (has < text.length) rest = has === 0 ? chunk : saying(text.slice(has));
      }
      if (rest === undefined && this.#count !== undefined) this.#count += 1;
      return rest;
    };
  }
}

/** Where an answer's stream is found. */
class Address {
  /** Whether chunks are numbered: those that a `POST` sent. A replay joins what was said before it. */
  readonly isCounted: boolean;
  readonly #url: string;

  constructor(url: string, turnId: string, method: string | undefined, format: Format) {
    const [, path = '', query = ''] = /^([^?#]*)\??([^#]*)/.exec(url) ?? [];
    const parameters = new URLSearchParams(query);
    const id = encodeURIComponent(turnId);
    this.isCounted = method?.toUpperCase() === 'POST';
    let stream = `${path.replace(/\/+$/, '')}/${id}/stream`;
    if (!this.isCounted) {
      // The chat may have another turn by now.
      stream = path.replace(/[^/]+\/stream$/, `${id}/stream`);
      if (parameters.has('chatId')) parameters.set('chatId', turnId);
    } else if (!parameters.has('protocol') && !parameters.has('sdk')) {
      parameters.set('protocol', format.name);
    }
    this.#url = `${stream}?${parameters}`;
  }

  after(chunks: number | undefined): string {
    return chunks === undefined ? this.#url : `${this.#url}&startIndex=${chunks}`;
  }
}

/** The requests that bring an answer. */
class Connection {
  readonly #address: Address;
  readonly #format: Format;
  readonly #init: RequestInit & { signal: AbortSignal };
  readonly #options: ResumingOptions;
  readonly #pausesMs: readonly number[];
  #failures = 0;

  constructor(
    address: Address,
    format: Format,
    init: RequestInit & { signal: AbortSignal },
    options: ResumingOptions,
  ) {
    this.#address = address;
    this.#format = format;
    this.#init = init;
    this.#options = options;
    this.#pausesMs = options.pausesMs ?? PAUSES_MS;
  }

  /** Whether the client wants no more of the answer. */
  get isLeft(): boolean {
    return this.#init.signal.aborted;
  }

  /** Yield what a response brings, each time up to where a chunk ends. */
  async *read(response: Response): AsyncGenerator<string> {
    const { mark } = this.#format;
    const reader = (response.body ?? new ReadableStream()).getReader();
    const decoder = new TextDecoder();
    let heardAt = Date.now();
    // It looks like an end of the response, and that is what a break looks like behind some proxies.
    const cut = () => void reader.cancel().catch(() => {});
    const watch = setInterval(() => Date.now() - heardAt > LONGEST_SILENCE_MS && cut(), 5000);
    globalThis.addEventListener?.('online', cut);
    let unfinished = '';
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        heardAt = Date.now();
        this.#failures = 0;
        unfinished += decoder.decode(value, { stream: true });
        const end = unfinished.lastIndexOf(mark) + mark.length;
        if (end < mark.length) continue;
        yield unfinished.slice(0, end);
        unfinished = unfinished.slice(end);
      }
    } finally {
      clearInterval(watch);
      globalThis.removeEventListener?.('online', cut);
      cut();
    }
  }

  /** Ask for the rest until there is a response. */
  async goOn(received: Received): Promise<Response> {
    this.#options.onBroken?.(true);
    try {
      let leastMs = 0;
      for (;;) {
        await this.#pause(leastMs);
        const response = await this.#ask(received.expectRest());
        leastMs = 1000 * Number(response?.headers.get('retry-after') ?? 0);
        const isAnswer = response?.status === 200 && formatOf(response.headers) === this.#format;
        if (isAnswer) return response;
        if (response && !isPassing(response)) throw await refusal(response);
      }
    } finally {
      this.#options.onBroken?.(false);
    }
  }

  async #ask(start: number | undefined): Promise<Response | undefined> {
    const headers = new Headers(this.#init.headers);
    headers.delete('content-type');
    for (const [name, value] of new Headers(await this.#options.headers?.()))
      headers.set(name, value);
    const { credentials, signal } = this.#init;
    const init = { method: 'GET', headers, credentials, signal };
    try {
      return await (this.#options.fetch ?? globalThis.fetch)(this.#address.after(start), init);
    } catch (error) {
      if (this.isLeft) throw error;
      return undefined;
    }
  }

  /** Wait before the next try. The network's return ends it. */
  async #pause(leastMs: number): Promise<void> {
    // Outside browsers nobody knows.
    const isOffline =
      typeof navigator !== 'undefined' && 'onLine' in navigator && !navigator.onLine;
    const next = this.#pausesMs[this.#failures];
    if (next === undefined) throw new ConnectionLost(GIVEN_UP);
    // Without a network nothing is tried in earnest.
    if (!isOffline) this.#failures += 1;
    // Many clients lose their connections at once, and should not come back at once.
    const ms = Math.max(leastMs, next * (0.5 + Math.random()));
    const { signal } = this.#init;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, ms);
      function done() {
        clearTimeout(timer);
        globalThis.removeEventListener?.('online', done);
        signal.removeEventListener('abort', done);
        resolve();
      }
      globalThis.addEventListener?.('online', done);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
    });
    signal.throwIfAborted();
  }
}

const GIVEN_UP =
  'The network connection broke, and the server cannot be reached. Please load the chat again later.';
const GONE =
  'The network connection broke, and the answer has ended since. Please load the chat again to see it.';

/** Whether it may be another response soon: the server's store is away, a proxy has no server. */
function isPassing({ status }: Response): boolean {
  return status === 200 || status === 408 || status === 429 || status >= 500;
}

async function refusal(response: Response): Promise<Error> {
  if (response.status === 204) return new ConnectionLost(GONE);
  return new Error(
    (await response.text()) || `The server responds with status ${response.status}.`,
  );
}
