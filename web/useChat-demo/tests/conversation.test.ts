import { expect, it, vi } from 'vitest';
import { isBreak, perMessage, textOf, wordsOf, type Message } from '../src/chat/conversation';

it.each([
  [new Error('{"success":false,"error":"Say less."}'), 'Say less.'],
  [new Error('The model stopped.'), 'The model stopped.'],
  [new Error('{"success":false}'), '{"success":false}'],
  [new Error('null'), 'null'],
  [new Error(''), 'Something went wrong.'],
  [new TypeError('Failed to fetch'), 'The server cannot be reached.'],
  [new TypeError('NetworkError when attempting to fetch resource.'), 'cannot be reached'],
  [new TypeError('Load failed'), 'cannot be reached'],
  [new TypeError('network error'), 'The connection broke before the answer was complete.'],
  [new Error('Connection closed'), 'The connection broke'],
])('an error is said in words: %s', (error, words) => {
  expect(wordsOf(error)).toContain(words);
});

it('a break is what the browser calls one', () => {
  expect(isBreak(new TypeError('network error'))).toBe(true);
  expect(isBreak(new Error('Input stream closed'))).toBe(true);
  expect(isBreak(new Error('The model stopped.'))).toBe(false);
});

it('the text of a message is that of its text parts', () => {
  const message: Message = {
    id: 'm',
    role: 'assistant',
    about: {},
    parts: [
      { kind: 'reasoning', text: 'Hm.', isStreaming: false },
      { kind: 'text', text: 'Hello', isStreaming: false },
      { kind: 'notice', text: 'Looking it up' },
      { kind: 'text', text: ', Ada', isStreaming: false },
    ],
  };

  expect(textOf(message)).toBe('Hello, Ada');
  expect(textOf(undefined)).toBe('');
});

it('a message that has not changed keeps its view', () => {
  const viewOf = vi.fn((message: { id: string }): Message => {
    return { id: message.id, role: 'user', parts: [], about: {} };
  });
  const cached = perMessage(viewOf);
  const one = { id: 'one' };

  expect(cached(one)).toBe(cached(one));
  expect(cached({ id: 'one' })).not.toBe(cached(one));
  expect(viewOf).toHaveBeenCalledTimes(2);
});
