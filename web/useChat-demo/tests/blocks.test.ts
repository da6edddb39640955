// Markdown is cut into blocks while it grows: the same blocks, whatever the deltas were.
import { expect, test } from 'vitest';
import { BlockReader, type Block } from '../src/ui/markdown/blocks';

const TEXT = [
  '# Title',
  '',
  'A paragraph',
  'of two lines.',
  '```python',
  'x = "$$"',
  '',
  '\\[',
  '```',
  '- one',
  '',
  '  more of one',
  '- two',
  '  ```',
  '  code of two',
  '',
  '  ```',
  '',
  '\\[',
  'a',
  '',
  '- b',
  '\\]',
  '$$c$$',
  'Costs $5, \\[not alone\\] here.',
  '~~~',
  '```',
  '~~~',
  'The end.',
].join('\n');

const blocksOf = (text: string, isStreaming = false) => new BlockReader().read(text, isStreaming);
const kinds = (blocks: Block[]) => blocks.map(({ kind }) => kind).join(' ');

test('code and formulas at the left margin are blocks of their own', () => {
  const blocks = blocksOf(TEXT);

  expect(kinds(blocks)).toBe('prose prose code prose formula formula prose code prose');
  expect(blocks[2]).toEqual({ kind: 'code', language: 'python', text: 'x = "$$"\n\n\\[\n' });
  expect(blocks[4]).toEqual({ kind: 'formula', text: '\\[\na\n\n- b\n\\]', isOpen: false });
  expect(blocks[5]).toEqual({ kind: 'formula', text: '$$c$$', isOpen: false });
  expect(blocks[7]).toEqual({ kind: 'code', language: '', text: '```\n' });
});

test('however a text arrives, its blocks are the same', () => {
  const whole = blocksOf(TEXT);
  for (const step of [1, 2, 3, 7, 40]) {
    const reader = new BlockReader();
    for (let end = 0; end < TEXT.length; end += step) reader.read(TEXT.slice(0, end), true);

    expect(reader.read(TEXT, false)).toEqual(whole);
  }
});

test('while it grows, a reader gives what a new one gives', () => {
  const reader = new BlockReader();
  for (let end = 0; end <= TEXT.length; end += 1) {
    const text = TEXT.slice(0, end);

    expect(reader.read(text, true)).toEqual(blocksOf(text, true));
  }
});

test('another text than before begins anew', () => {
  const reader = new BlockReader();
  reader.read(TEXT, true);

  expect(reader.read('Other', true)).toEqual([{ kind: 'prose', text: 'Other' }]);
});

test('a formula without an end is open while it may still come, and text in the end', () => {
  const text = 'One.\n\n\\[\nx\n\n- two\n\n- three';

  expect(blocksOf(text, true).at(-1)).toEqual({
    kind: 'formula',
    text: text.slice(6),
    isOpen: true,
  });
  expect(kinds(blocksOf(text))).toBe('prose prose prose');
  expect(kinds(blocksOf(`${text}${' and on'.repeat(1000)}`, true))).toBe('prose prose prose');
});

test('marks that end code are never its last line', () => {
  for (const end of ['`', '``', '```']) {
    expect(blocksOf(`\`\`\`\ncode\n${end}`, true)[0]).toEqual({
      kind: 'code',
      language: '',
      text: 'code\n',
    });
  }
});

test('what refers to another place stays together', () => {
  expect(kinds(blocksOf('A [link][x].\n\n[x]: https://ai-sdk.dev\n\nB.'))).toBe('prose');
});

test('a text of marks that open nothing is read quickly', () => {
  const lines = Array.from({ length: 400 }, () => '\\[ x').join('\n');

  expect(kinds(blocksOf(lines))).toBe('prose');
});
