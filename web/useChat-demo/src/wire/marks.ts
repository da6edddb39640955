// When parts arrived, as a line can show it: a few hundred places, however many parts there are.
import type { Kind } from './parts';

const PLACES = 512;
const KINDS: readonly Kind[] = [
  'text',
  'reasoning',
  'tool',
  'frame',
  'data',
  'error',
  'silence',
  'break',
];

/** A stroke of the line: a part of this kind arrived about then, in milliseconds. */
export interface Stroke {
  at: number;
  kind: Kind;
}

export class Marks {
  /** Which kinds of parts arrived in each place, as bits in the order of `KINDS`. */
  readonly #places = new Uint8Array(PLACES);
  #placeMs = 1;

  add(kind: Kind, at: number): void {
    while (at >= PLACES * this.#placeMs) this.#halve();
    const place = Math.floor(at / this.#placeMs);
    this.#places[place] = (this.#places[place] ?? 0) | (1 << KINDS.indexOf(kind));
  }

  strokes(): Stroke[] {
    const strokes: Stroke[] = [];
    this.#places.forEach((bits, place) => {
      for (let kind = 0; bits >> kind; kind += 1) {
        const isThere = bits & (1 << kind);
        if (isThere) strokes.push({ at: place * this.#placeMs, kind: KINDS[kind] ?? 'data' });
      }
    });
    return strokes;
  }

  /** Let each place stand for twice the time. */
  #halve(): void {
    const places = this.#places;
    for (let place = 0; place < PLACES; place += 1) {
      places[place] = (places[2 * place] ?? 0) | (places[2 * place + 1] ?? 0);
    }
    this.#placeMs *= 2;
  }
}
