// What one answer has brought over the network: the request, and those that went on after a break.
import { Figures, type Speed } from './figures';
import { Marks } from './marks';
import { protocolOf, protocolOfText, readPart, split, type Protocol, type WirePart } from './parts';

/** `broken`: the connection broke, and the server goes on with the answer. */
export type How = 'complete' | 'stopped' | 'failed' | 'broken';

/** An answer as it is now. Times are in milliseconds after the request was sent. */
export interface Exchange {
  readonly id: number;
  readonly method: string;
  readonly url: string;
  readonly sent: string;
  readonly headersAt?: number;
  readonly status?: number;
  readonly protocol: Protocol;
  /** Grows; `count` of them belong to this state. */
  readonly parts: readonly WirePart[];
  readonly count: number;
  readonly reads: number;
  readonly bytes: number;
  readonly speed: Speed;
  readonly marks: Marks;
  readonly end?: { readonly at: number; readonly how: How };
  readonly messageId?: string;
}

export interface Request {
  id: number;
  method: string;
  url: string;
  sent: string;
}

/** Takes down an exchange as it goes on. Each part is read once. */
export class Recording {
  /** Which turn of the server it is; by it, later requests are known to go on with it. */
  turnId: string | undefined;
  readonly #request: Request;
  readonly #began = performance.now();
  readonly #parts: WirePart[] = [];
  readonly #figures = new Figures();
  readonly #marks = new Marks();
  #decoder = new TextDecoder();
  #protocol: Protocol = 'other';
  #headersAt: number | undefined;
  #status: number | undefined;
  #messageId: string | undefined;
  #reads = 0;
  #bytes = 0;
  #chunks = 0;
  /** How many chunks are on their way for the second time. */
  #again = 0;
  #rest = '';
  #hasFailed = false;
  /** Whether the protocol's last part has come. */
  #isWhole = false;
  #end: Exchange['end'];
  #brokeAt: number | undefined;
  #tries = 0;
  #state: Exchange | undefined;

  constructor(request: Request) {
    this.#request = request;
  }

  get id(): number {
    return this.#request.id;
  }

  /** The exchange as it is now: the same object until something has happened. */
  get state(): Exchange {
    this.#state ??= {
      ...this.#request,
      headersAt: this.#headersAt,
      status: this.#status,
      protocol: this.#protocol,
      parts: this.#parts,
      count: this.#parts.length,
      reads: this.#reads,
      bytes: this.#bytes,
      speed: this.#figures.speed,
      marks: this.#marks,
      end: this.#end,
      messageId: this.#messageId,
    };
    return this.#state;
  }

  /** Whether a request that names this turn goes on with the exchange after a break. */
  isContinuedBy(url: string): boolean {
    return this.#brokeAt !== undefined && this.turnId !== undefined && url.includes(this.turnId);
  }

  /** Another request is sent to go on with it. */
  tries(): void {
    this.#tries += 1;
    this.#end = undefined;
    this.#changed();
  }

  responded({ status, headers }: Response, url: string): void {
    this.turnId = headers.get('x-chat-turn-id') ?? this.turnId;
    if (this.#brokeAt === undefined) {
      this.#headersAt = this.#now();
      this.#status = status;
      this.#protocol = protocolOf(headers);
      this.#tries = 0;
    } else if (status === 200) {
      this.#goesOn(url);
    } else {
      this.#note('not yet', `status ${status}`);
    }
    this.#changed();
  }

  /** Take down what one read of the network has brought. */
  took(value: Uint8Array): void {
    this.#reads += 1;
    this.#bytes += value.byteLength;
    this.#take(this.#decoder.decode(value, { stream: true }), false);
  }

  /** The response is over. */
  completed(): void {
    // Some proxies close a connection that they lost as if the response were over.
    const isCut = this.turnId !== undefined && this.#chunks > 0 && !this.#isWhole;
    if (isCut) return this.broke();
    this.#take(this.#decoder.decode(), true);
    this.#close('complete');
  }

  stopped(): void {
    this.#close('stopped');
  }

  /** The connection broke, or there was none. */
  broke(): void {
    if (this.#headersAt !== undefined && this.#end === undefined && !this.#hasFailed) {
      this.#figures.pause();
      if (this.#brokeAt === undefined || this.#tries === 0) {
        const unfinished = this.#rest === '' ? '' : ', in the middle of the next';
        const bytes = this.#bytes.toLocaleString('en');
        this.#note('connection broke', `after chunk ${this.#chunks}, byte ${bytes}${unfinished}`);
        this.#brokeAt = this.#now();
      }
      this.#rest = '';
      this.#decoder = new TextDecoder();
    }
    this.#close(this.turnId === undefined ? 'failed' : 'broken');
  }

  #goesOn(url: string): void {
    const start = /[?&]startIndex=(\d+)/.exec(url)?.[1];
    this.#again = start === undefined ? 0 : this.#chunks - Number(start);
    this.#chunks -= this.#again;
    const from = start === undefined ? 'from the beginning' : `with chunk ${Number(start) + 1}`;
    const after = ((this.#now() - (this.#brokeAt ?? 0)) / 1000).toFixed(1);
    const tries = this.#tries > 1 ? ` · try ${this.#tries}` : '';
    this.#note('went on', `${from} · ${after} s later${tries}`);
    this.#tries = 0;
  }

  #take(text: string, isLast: boolean): void {
    this.#rest += text;
    if (this.#parts.length === 0 && this.#protocol === 'other') {
      this.#protocol = protocolOfText(this.#rest);
    }
    const [whole, unfinished] = split(this.#rest, this.#protocol);
    this.#rest = unfinished;
    if (isLast && unfinished !== '') whole.push(unfinished);
    for (const raw of whole) this.#add(raw);
    this.#changed();
  }

  #add(raw: string): void {
    const part = readPart(raw, this.#protocol);
    const { kind, name, says } = part;
    const at = this.#now();
    this.#parts.push({ at, kind, name, says, raw, read: Math.max(0, this.#reads - 1) });
    this.#marks.add(kind, at);
    this.#messageId ??= part.messageId;
    this.#hasFailed ||= kind === 'error';
    this.#isWhole ||= part.isLast;
    if (part.isChunk) this.#chunks += 1;
    if (part.isChunk && this.#again > 0) this.#again -= 1;
    else this.#figures.add(part, at);
  }

  /** Add a row that did not come over the network. */
  #note(name: string, says: string): void {
    const at = this.#now();
    this.#parts.push({ at, kind: 'break', name, says, raw: `${name}: ${says}`, read: -1 });
    this.#marks.add('break', at);
  }

  #close(how: How): void {
    // The client stops reading at an error part.
    this.#end ??= { at: this.#now(), how: this.#hasFailed ? 'failed' : how };
    this.#changed();
  }

  #now(): number {
    return performance.now() - this.#began;
  }

  #changed(): void {
    this.#state = undefined;
  }
}
