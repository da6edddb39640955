// Code in colours while it grows: each finished line is read once.
import type { StreamParser } from '@codemirror/streamparser';
import { javascript } from '@codemirror/legacy-modes/mode/javascript';
import { python } from '@codemirror/legacy-modes/mode/python';
import { expect, test } from 'vitest';
import { Highlighter, type Highlighted } from '../src/ui/markdown/Highlighter';

const CODE = Array.from({ length: 300 }, (_, line) => {
  return line % 7 === 0 ? `s = """a\nb${line}"""` : `def name_${line}(a, b=${line}):  # why`;
}).join('\n');

const textOf = ({ groups, last }: Highlighted) =>
  [...groups.flat(), last].flatMap((line) => line.map(({ text }) => text)).join('');
const linesOf = ({ groups, last }: Highlighted) => [...groups.flat(), last];

/** Count the characters that a language is given to read. */
function counted(mode: StreamParser<unknown>): { mode: StreamParser<unknown>; read: () => number } {
  let characters = 0;
  const token: StreamParser<unknown>['token'] = (stream, state) => {
    const kind = mode.token(stream, state);
    characters += stream.pos - stream.start;
    return kind;
  };
  return { mode: { ...mode, token }, read: () => characters };
}

test('no character is lost, and growing code has the colours of whole code', () => {
  for (const mode of [python, javascript, undefined]) {
    const growing = new Highlighter(mode);
    for (let end = 0; end < CODE.length; end += 313) {
      expect(textOf(growing.read(CODE.slice(0, end)))).toBe(CODE.slice(0, end));
    }

    expect(linesOf(growing.read(CODE))).toEqual(linesOf(new Highlighter(mode).read(CODE)));
  }
});

test('a delta at the end of long code costs what one at its beginning costs', () => {
  const { mode, read } = counted(python);
  const highlighter = new Highlighter(mode);
  const costs: number[] = [];
  for (let end = 0; end < CODE.length; end += 4) {
    const before = read();
    highlighter.read(CODE.slice(0, end));
    costs.push(read() - before);
  }

  // A line, and the one that it finishes.
  const longest = Math.max(...CODE.split('\n').map((line) => line.length));
  expect(Math.max(...costs)).toBeLessThanOrEqual(2 * longest);
});

test('what is finished stays the same object, so that nothing draws it again', () => {
  const highlighter = new Highlighter(python);
  const before = highlighter.read(CODE.slice(0, 6000));
  const after = highlighter.read(CODE);

  const full = before.groups.slice(0, -1);
  expect(full.length).toBeGreaterThan(3);
  expect(full.every((group, index) => group === after.groups[index])).toBe(true);
});

test('a language that is stuck leaves the rest of the line without colours', () => {
  const stuck: StreamParser<unknown> = { token: () => 'keyword' };

  expect(new Highlighter(stuck).read('a b\nc').last).toEqual([{ text: 'c', kind: '' }]);
});

test('a line that nobody can read is not put into colours', () => {
  const { mode, read } = counted(javascript);

  new Highlighter(mode).read(`${'x'.repeat(100_000)}\n`);

  expect(read()).toBe(0);
});
