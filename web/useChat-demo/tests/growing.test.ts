// What a delta costs does not grow with the text: CPU time of the last deltas beside the first.
import { python } from '@codemirror/legacy-modes/mode/python';
import { expect, test } from 'vitest';
import { Highlighter } from '../src/ui/markdown/Highlighter';

const LINES = Array.from({ length: 3000 }, (_, line) => `def name_${line}(a, b=1):  # why`).join(
  '\n',
);
const DELTAS = 2000;

/** Return how many times as long the deltas at the end take as those at a tenth of the text. */
function growth(text: string, read: (text: string) => void): number {
  const spent = (end: number) => {
    const from = end - 4 * DELTAS;
    read(text.slice(0, from));
    const before = process.cpuUsage().user;
    for (let at = from; at < end; at += 4) read(text.slice(0, at));
    return process.cpuUsage().user - before;
  };
  // Compiles what is measured.
  spent(text.length / 10);
  return spent(text.length) / spent(text.length / 10);
}

test('code is put into colours', () => {
  const highlighter = new Highlighter(python);

  expect(growth(LINES, (text) => highlighter.read(text))).toBeLessThan(4);
});
