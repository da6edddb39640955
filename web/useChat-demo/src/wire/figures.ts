// The speed of an answer, added up as its parts come: nothing here looks at a part twice.
import type { Reading } from './parts';

export interface Speed {
  firstTokenMs?: number;
  tokensPerSecond?: number;
  tokens: number;
  /** Whether the number of tokens is the model's own count, not the number of deltas. */
  isCounted: boolean;
}

export class Figures {
  #firstTokenMs: number | undefined;
  #deltas = 0;
  #counted: number | undefined;
  #writingMs = 0;
  #previousAt: number | undefined;

  /** Add a part that arrived at `at`, in milliseconds after the request was sent. */
  add(part: Reading, at: number): void {
    // A data stream counts each step (`e:`) and then the sum (`d:`): the last one is the total.
    this.#counted = part.outputTokens ?? this.#counted;
    if (part.isToken) {
      this.#firstTokenMs ??= at;
      this.#deltas += 1;
      if (this.#previousAt !== undefined) this.#writingMs += at - this.#previousAt;
      this.#previousAt = at;
    } else if (part.endsWriting) {
      // The time that tools take between two steps is not the model's.
      this.#previousAt = undefined;
    }
  }

  /** Leave out the time until the next token: the connection was cut. */
  pause(): void {
    this.#previousAt = undefined;
  }

  get speed(): Speed {
    const tokens = this.#counted ?? this.#deltas;
    const seconds = this.#writingMs / 1000;
    return {
      firstTokenMs: this.#firstTokenMs,
      tokensPerSecond: seconds > 0 && tokens > 1 ? (tokens - 1) / seconds : undefined,
      tokens,
      isCounted: this.#counted !== undefined,
    };
  }
}
