// Versions of a chat: paths that fork where a retry or an edit replaced something.
import { expect, test } from 'vitest';
import { isSamePath, pathWith, versionAt, withPath } from '../src/chat/versions';

// A letter is a message; in upper case it is the same message, gone on.
const key = (message: string) => message.toLowerCase();
const messages = (text: string) => Array.from(text);
const noted = (...texts: string[]) =>
  texts.reduce<string[][]>((paths, text) => withPath(paths, messages(text), key) as string[][], []);

test('without other paths nothing has versions', () => {
  expect(versionAt([], messages('ab'), 0, key)).toBeUndefined();
  expect(versionAt(noted('abc'), messages('abcde'), 1, key)).toBeUndefined();
});

test('paths fork at the first message that they do not share', () => {
  const paths = noted('abcd', 'abef');
  const shown = messages('abgh');

  expect(versionAt(paths, shown, 0, key)).toBeUndefined();
  expect(versionAt(paths, shown, 1, key)).toBeUndefined();
  expect(versionAt(paths, shown, 2, key)).toEqual({ number: 3, of: 3 });
  expect(versionAt(paths, shown, 3, key)).toBeUndefined();
});

test('versions keep their numbers, whichever is shown', () => {
  const paths = noted('abcd', 'abef', 'abgh');

  expect(versionAt(paths, messages('abcd'), 2, key)).toEqual({ number: 1, of: 3 });
  expect(versionAt(paths, messages('abef'), 2, key)).toEqual({ number: 2, of: 3 });
});

test('a step leads to the latest path with that version', () => {
  const paths = noted('abcd', 'abcx', 'abef');

  expect(pathWith(paths, messages('abef'), 2, 1, key)?.join('')).toBe('abcx');
  expect(pathWith(paths, messages('abcd'), 2, 2, key)?.join('')).toBe('abef');
  expect(pathWith(paths, messages('abcd'), 2, 3, key)).toBeUndefined();
  expect(pathWith(paths, messages('abcd'), 3, 2, key)?.join('')).toBe('abcx');
});

test('a path that has gone on takes the place of its beginning', () => {
  expect(noted('abc', 'xy', 'abcde').map((path) => path.join(''))).toEqual(['abcde', 'xy']);
  expect(noted('abcde', 'abc').map((path) => path.join(''))).toEqual(['abcde']);
  expect(noted('abc', 'abC').map((path) => path.join(''))).toEqual(['abC']);
  expect(noted('')).toEqual([]);
});

test('only so many are remembered', () => {
  const many = Array.from(
    { length: 100 },
    (_, number) => `a${String.fromCodePoint(0x4e00 + number)}`,
  );

  expect(noted(...many)).toHaveLength(40);
  expect(
    noted(...many)
      .at(-1)
      ?.join(''),
  ).toBe(many.at(-1));
});

test('the same path is one that says the same', () => {
  expect(isSamePath(messages('abc'), messages('abC'), key)).toBe(true);
  expect(isSamePath(messages('abc'), messages('ab'), key)).toBe(false);
});
