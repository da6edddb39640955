import type { WirePart } from './parts';

/** Finds parts by their words, in any case of letters. Each part is looked at once. */
export class Search {
  readonly #parts: readonly WirePart[];
  readonly #wanted: string;
  readonly #hits: number[] = [];
  #upTo = 0;

  constructor(parts: readonly WirePart[], words: string) {
    this.#parts = parts;
    this.#wanted = words.trim().toLowerCase();
  }

  /** Return the numbers of those among the first `count` parts that hold the words. */
  hits(count: number): readonly number[] {
    if (this.#wanted === '') return this.#hits;
    for (; this.#upTo < count; this.#upTo += 1) {
      const part = this.#parts[this.#upTo];
      if (part && `${part.name} ${part.raw}`.toLowerCase().includes(this.#wanted)) {
        this.#hits.push(this.#upTo);
      }
    }
    return this.#hits;
  }
}
