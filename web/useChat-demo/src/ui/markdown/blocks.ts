/** A piece of Markdown that can be shown on its own. */
export type Block =
  | { kind: 'prose'; text: string }
  /** A fenced block at the left margin: `text` is the code, as far as it is here. */
  | { kind: 'code'; language: string; text: string }
  /** A displayed formula at the left margin, with its marks. */
  | { kind: 'formula'; text: string; isOpen: boolean };

// What is longer has no end, or is no formula: characters.
const MOST_FORMULA = 4000;

// `[name]: address` and `[^1]: note`, which count for the whole text.
const DEFINITION = /^ {0,3}\[[^\]\n]+\]:/;
const ITEM = /^ {0,3}([-*+]|\d{1,9}[.)])(\s|$)/;
const FENCE = /^(`{3,}|~{3,})([^`]*)$/;
const INNER_FENCE = /^ {0,3}(`{3,}|~{3,})/;
const FORMULA = /^(\$\$(?!\$)|\\\[)/;

/** A block by its place in the text. `end` is `undefined` while its last line has not come. */
interface Span {
  kind: Block['kind'];
  start: number;
  end?: number;
  language: string;
}

/** All that has to be known to read on at the beginning of a line. */
interface State {
  /** The marks that end the code or the formula that is open; else empty. */
  until: string;
  isList: boolean;
  isBehindBlank: boolean;
  hasDefinitions: boolean;
}

/**
 * Cuts Markdown into blocks while it grows.
 *
 * Every line is read once: of a longer text only what is new, so that a delta costs the same at the end
 * of a long code block as at its beginning.
 */
export class BlockReader {
  #text = '';
  #spans: Span[] = [];
  #state = beginning();
  /** Where the first line begins that is not complete yet. */
  #read = 0;
  /** Openings of formulas that turned out to be none. */
  #ignored = new Set<number>();

  /** Return the blocks of `text`; `isStreaming`: more of it may come. */
  read(text: string, isStreaming: boolean): Block[] {
    // `startsWith` takes ten times as long.
    if (text.slice(0, this.#text.length) !== this.#text) this.#begin();
    this.#text = text;
    for (;;) {
      for (
        let end = text.indexOf('\n', this.#read);
        end >= 0;
        end = text.indexOf('\n', this.#read)
      ) {
        this.#take(this.#read, end, this.#spans, this.#state);
        this.#read = end + 1;
      }
      const spans = this.#spans.slice();
      const last = spans.at(-1);
      // The last line may change yet.
      if (last) spans[spans.length - 1] = { ...last };
      const state = { ...this.#state };
      if (this.#read < text.length) this.#take(this.#read, text.length, spans, state);
      const open = spans.at(-1);
      if (open?.kind !== 'formula' || state.until === '' || !this.#isNone(open, isStreaming)) {
        return state.hasDefinitions ? [{ kind: 'prose', text }] : this.#blocks(spans, state);
      }
      const ignored = this.#ignored.add(open.start);
      this.#begin();
      this.#text = text;
      this.#ignored = ignored;
    }
  }

  #begin() {
    this.#text = '';
    this.#spans = [];
    this.#state = beginning();
    this.#read = 0;
    this.#ignored = new Set();
  }

  #isNone(open: Span, isStreaming: boolean): boolean {
    return !isStreaming || this.#text.length - open.start > MOST_FORMULA;
  }

  /** Take one line, from `start` to `end` of the text, into the blocks and the state. */
  #take(start: number, end: number, spans: Span[], state: State): void {
    const line = this.#text.slice(start, end);
    const open = spans.at(-1);
    if (open && state.until !== '' && open.kind !== 'prose') {
      if (!closes(line, open.kind, state.until)) return;
      state.until = '';
      open.end = open.kind === 'code' ? start : end;
      state.isBehindBlank = true;
      return;
    }
    const begin = (kind: Block['kind'], language = '') => {
      if (open && open.end === undefined) open.end = start;
      spans.push({ kind, start, language });
      state.isList = false;
    };
    if (state.until === '') {
      const fence = FENCE.exec(line);
      if (fence?.[1]) {
        begin('code', fence[2]?.trim().split(/\s/)[0]);
        state.until = fence[1];
        return;
      }
      const closing = this.#ignored.has(start) ? undefined : closingOf(line);
      if (closing) {
        begin('formula');
        state.isBehindBlank = true;
        if (line.includes(closing, 2)) Object.assign(spans.at(-1) ?? {}, { end });
        else state.until = closing;
        return;
      }
      state.hasDefinitions ||= DEFINITION.test(line);
    }
    const isBlank = line.trim() === '';
    const isItem = ITEM.test(line);
    const isInFence = state.until !== '';
    const goesOn = isInFence || isBlank || (state.isList && (isItem || /^\s/.test(line)));
    if (open === undefined || open.kind !== 'prose' || (state.isBehindBlank && !goesOn)) {
      if (open?.kind === 'prose' || !isBlank) {
        begin('prose');
        state.isList = isItem;
      }
    }
    // Fenced code within a list, which is its item's.
    const mark = INNER_FENCE.exec(line)?.[1] ?? '';
    if (!isInFence) state.until = mark;
    else if (mark.startsWith(state.until) && line.trim() === mark) state.until = '';
    state.isBehindBlank = isBlank;
  }

  #blocks(spans: Span[], state: State): Block[] {
    return spans.map(({ kind, start, end = this.#text.length, language }, index): Block => {
      if (kind === 'prose') return { kind, text: this.#text.slice(start, end) };
      if (kind === 'formula') {
        const isOpen = index === spans.length - 1 && state.until !== '';
        return { kind, text: this.#text.slice(start, end), isOpen };
      }
      return { kind, language, text: this.#codeOf(start, end) };
    });
  }

  #codeOf(start: number, end: number): string {
    const firstLine = this.#text.indexOf('\n', start);
    if (firstLine < 0) return '';
    const lastLine = this.#text.lastIndexOf('\n', end - 1) + 1;
    // Perhaps the beginning of the marks that end it.
    const isMark =
      lastLine > firstLine && lastLine < end && /^(`+|~+)$/.test(this.#text.slice(lastLine, end));
    return this.#text.slice(firstLine + 1, isMark ? lastLine : end);
  }
}

const beginning = (): State => {
  return { until: '', isList: false, isBehindBlank: true, hasDefinitions: false };
};

function closes(line: string, kind: Block['kind'], until: string): boolean {
  if (kind === 'formula') return line.trimEnd().endsWith(until);
  const mark = INNER_FENCE.exec(line)?.[1] ?? '';
  return mark.startsWith(until) && line.trim() === mark;
}

/** Return the marks that end the formula that a line begins with, if it begins with a displayed one. */
function closingOf(line: string): string | undefined {
  const marks = FORMULA.exec(line)?.[0];
  if (!marks) return undefined;
  const closing = marks === '$$' ? '$$' : '\\]';
  const at = line.indexOf(closing, 2);
  if (at < 0) return closing;
  // If it ends within the line, it has to be all of the line, and to say something.
  const isAll = line.slice(at + 2).trim() === '' && line.slice(2, at).trim() !== '';
  return isAll ? closing : undefined;
}
