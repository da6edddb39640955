/// <reference types="remark-parse" />
// Formulas within a text: a plugin for `remark-parse`. Its file is fetched with the first of them.
//
//     \( … \)     within the line
//     $$ … $$     within the line
//     \[ … \]     on a line of its own
//
// One dollar sign is a dollar sign: prices, shell variables and templates are far more frequent than
// formulas that begin so. Formulas that stand alone are cut out before, by `blocks.ts`.
import type { Code, Construct, Effects, State, TokenizeContext } from 'micromark-util-types';
import type { CompileContext, Extension, Token } from 'mdast-util-from-markdown';
import type { Plugin } from 'unified';

declare module 'micromark-util-types' {
  interface TokenTypeMap {
    formula: 'formula';
  }
}

const BACKSLASH = 92;
const DOLLAR = 36;
// By what follows the backslash: `\(` and `\[`.
const CLOSERS: Record<number, number> = { 40: 41, 91: 93 };
// A paragraph may hold many marks that open nothing; characters.
const MOST = 2000;

/** Find formulas. Their nodes are elements `math` that hold the source with its marks. */
export const remarkFormulas: Plugin = function remarkFormulas() {
  const data = this.data();
  const micromark = (data.micromarkExtensions ??= []);
  const mdast = (data.fromMarkdownExtensions ??= []);
  const construct: Construct = { name: 'formula', tokenize, previous };
  micromark.push({ text: { [BACKSLASH]: construct, [DOLLAR]: construct } });
  mdast.push({ enter: { formula: enter } } satisfies Extension);
};

/** Whether marks may begin behind this character: of three dollar signs none is a mark. */
function previous(code: Code): boolean {
  return code !== DOLLAR;
}

function tokenize(this: TokenizeContext, effects: Effects, ok: State, nok: State): State {
  let closer: number;
  let length = 0;
  return (code) => {
    effects.enter('formula');
    effects.consume(code);
    return code === DOLLAR ? dollar : bracket;
  };

  function bracket(code: Code): State | undefined {
    const found = code === null ? undefined : CLOSERS[code];
    if (found === undefined) return nok(code);
    closer = found;
    effects.consume(code);
    return within;
  }

  function dollar(code: Code): State | undefined {
    if (code !== DOLLAR) return nok(code);
    closer = DOLLAR;
    effects.consume(code);
    return (next) => (next === DOLLAR ? nok(next) : within(next));
  }

  function within(code: Code): State | undefined {
    if (code === null || (length += 1) > MOST) return nok(code);
    effects.consume(code);
    if (code === DOLLAR && closer === DOLLAR) return afterDollar;
    return code === BACKSLASH ? afterBackslash : within;
  }

  function afterDollar(code: Code): State | undefined {
    return code === DOLLAR && length > 1 ? end(code) : within(code);
  }

  function afterBackslash(code: Code): State | undefined {
    if (code === closer && closer !== DOLLAR) return end(code);
    // Such as `\\` and `\$`, which end nothing.
    if (code === null || code < 0) return within(code);
    length += 1;
    effects.consume(code);
    return within;
  }

  function end(code: Code): State {
    effects.consume(code);
    effects.exit('formula');
    return ok;
  }
}

function enter(this: CompileContext, token: Token): void {
  const value = this.sliceSerialize(token);
  const data = { hName: 'math', hChildren: [{ type: 'text' as const, value }] };
  this.enter({ type: 'inlineCode', value, data }, token);
  this.exit(token);
}
