import { StringStream, type StreamParser } from '@codemirror/streamparser';

/** How a language is read, line by line. */
export type Mode = StreamParser<unknown>;

/** A piece of a line; `kind` is one of those that have a colour, or empty. */
export interface Token {
  text: string;
  kind: string;
}
export type Line = Token[];

/** Code in colours. `groups` and what is in them stay the same objects once they are full. */
export interface Highlighted {
  groups: Line[][];
  /** The line that is being written. */
  last: Line;
}

// Lines that are drawn together: drawing one more line draws this many again.
const GROUP = 40;
// Characters of a line that are worth colours; what is longer has been made by a machine.
const MOST_OF_A_LINE = 2000;
// A mode may return without a token a few times, while its state changes.
const MOST_TRIES = 10;
// Columns.
const TAB = 4;
const INDENT = 2;

// Until its language is here, and for a language that nobody knows.
const PLAIN: Mode = {
  token: (line) => {
    line.skipToEnd();
    return null;
  },
};

const KINDS: Record<string, string> = {
  keyword: 'keyword',
  controlKeyword: 'keyword',
  definitionKeyword: 'keyword',
  moduleKeyword: 'keyword',
  modifier: 'keyword',
  self: 'keyword',
  string: 'string',
  character: 'string',
  regexp: 'string',
  attributeValue: 'string',
  inserted: 'string',
  number: 'number',
  integer: 'number',
  float: 'number',
  atom: 'number',
  bool: 'number',
  null: 'number',
  unit: 'number',
  color: 'number',
  comment: 'comment',
  lineComment: 'comment',
  blockComment: 'comment',
  quote: 'comment',
  typeName: 'type',
  type: 'type',
  className: 'type',
  namespace: 'type',
  tagName: 'type',
  tag: 'type',
  builtin: 'type',
  labelName: 'type',
  def: 'name',
  propertyName: 'property',
  property: 'property',
  attributeName: 'property',
  attribute: 'property',
  meta: 'meta',
  annotation: 'meta',
  processingInstruction: 'meta',
  documentMeta: 'meta',
  deleted: 'deleted',
  invalid: 'deleted',
  heading: 'keyword',
  header: 'keyword',
};

/**
 * Puts code into colours while it grows.
 *
 * A finished line is read once, and the state behind it kept: a delta costs the line that it belongs to,
 * however much stands above.
 */
export class Highlighter {
  readonly #mode: Mode;
  #code = '';
  #read = 0;
  #state: unknown;
  #groups: Line[][] = [];

  /** Without a mode nothing has a colour. */
  constructor(mode: Mode = PLAIN) {
    this.#mode = mode;
    this.#state = this.#firstState();
  }

  read(code: string): Highlighted {
    // `startsWith` takes ten times as long.
    if (code.slice(0, this.#code.length) !== this.#code) {
      this.#read = 0;
      this.#state = this.#firstState();
      this.#groups = [];
    }
    this.#code = code;
    for (let end = code.indexOf('\n', this.#read); end >= 0; end = code.indexOf('\n', this.#read)) {
      const line = this.#take(code.slice(this.#read, end), this.#state);
      this.#read = end + 1;
      this.#add([...line, { text: '\n', kind: '' }]);
    }
    const last = code.slice(this.#read);
    return { groups: this.#groups, last: last ? this.#take(last, this.#copyOfState()) : [] };
  }

  #add(line: Line) {
    const last = this.#groups.at(-1);
    this.#groups =
      last && last.length < GROUP
        ? [...this.#groups.slice(0, -1), [...last, line]]
        : [...this.#groups, [line]];
  }

  #take(text: string, state: unknown): Line {
    if (text.length > MOST_OF_A_LINE) return [{ text, kind: '' }];
    if (text === '') {
      this.#mode.blankLine?.(state, INDENT);
      return [];
    }
    const reader = new StringStream(text, TAB, INDENT);
    const tokens: Line = [];
    while (!reader.eol()) {
      const kind = this.#next(reader, state);
      const last = tokens.at(-1);
      if (last?.kind === kind) last.text += reader.current();
      else tokens.push({ text: reader.current(), kind });
    }
    return tokens;
  }

  #next(reader: StringStream, state: unknown): string {
    reader.start = reader.pos;
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const tag = this.#mode.token(reader, state);
      if (reader.pos > reader.start) return kindOf(tag);
    }
    // It is stuck: what is left has no colours.
    reader.skipToEnd();
    return '';
  }

  #firstState(): unknown {
    return this.#mode.startState?.(INDENT) ?? {};
  }

  #copyOfState(): unknown {
    if (this.#mode.copyState) return this.#mode.copyState(this.#state);
    if (typeof this.#state !== 'object' || this.#state === null) return this.#state;
    const copies = Object.entries(this.#state).map(([key, value]) => {
      return [key, Array.isArray(value) ? value.slice() : value];
    });
    return Object.fromEntries(copies);
  }
}

/** Return the colour of a tag: what it says first, unless it names what is being defined. */
function kindOf(tag: string | null): string {
  if (!tag) return '';
  if (/\bdefinition\b|\bdef\b/.test(tag)) return 'name';
  const [name = ''] = tag.split(/[\s.]/);
  if (/^variableName\.standard/.test(tag)) return 'type';
  return KINDS[name] ?? '';
}
