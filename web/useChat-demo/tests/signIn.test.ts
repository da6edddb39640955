import { beforeEach, expect, it, vi } from 'vitest';
import type { Endpoint } from '../src/endpoint';
import { DRAFTS, keepToken, SignIn, tidied, withHeaders } from '../src/signIn';

const HERE: Endpoint = {
  url: '/api/chat',
  hashesBody: false,
  canResume: true,
  root: location.origin,
  shelf: '',
};
const JWT = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJpc3MiOiJpZCJ9.c2ln';

beforeEach(() => sessionStorage.clear());

it.each([
  ['  let me in \n', 'let me in'],
  ['Bearer abc', 'abc'],
  ['authorization:  bearer abc', 'abc'],
  ['"abc"', 'abc'],
  ["'abc'", 'abc'],
  ['"abc', '"abc'],
  ['eyJh.\n eyJz.\r\n c2ln', 'eyJh.eyJz.c2ln'],
])('a token is taken without what came along: %j', (given, token) => {
  expect(tidied(given)).toBe(token);
});

it.each([
  ['', 'Paste a token first.'],
  ['grün', 'no header can hold'],
  ['a\nb', 'no header can hold'],
])('what is no token is refused: %j', (given, words) => {
  expect(() => tidied(given)).toThrow(words);
});

it('a JSON Web Token is a bearer, and a shared one has a header of its own', () => {
  keepToken(HERE.url, JWT);
  const user = new SignIn(HERE).headers();
  const behindCloudFront = new SignIn({ ...HERE, hashesBody: true }).headers();
  keepToken(HERE.url, 'let me in');

  expect(user).toEqual({ authorization: `Bearer ${JWT}` });
  expect(behindCloudFront).toEqual({ 'x-chat-token': JWT });
  expect(new SignIn(HERE).headers()).toEqual({ 'x-chat-token': 'let me in' });
});

it('a token is for one address', () => {
  keepToken('https://one.example/api/chat', 'secret');

  expect(new SignIn({ ...HERE, url: 'https://one.example/api/chat/' }).headers()).not.toEqual({});
  expect(new SignIn({ ...HERE, url: 'https://two.example/api/chat' }).headers()).toEqual({});
  expect(new SignIn(HERE).headers()).toEqual({});
});

it('what one has begun to write is nothing for the next', () => {
  sessionStorage.setItem(`${DRAFTS}a new chat`, 'Dear');

  expect(keepToken(HERE.url, JWT)).toBe(true);
  expect(sessionStorage.getItem(`${DRAFTS}a new chat`)).toBeNull();
});

it('a newer token of the same owner changes nothing', () => {
  keepToken(HERE.url, JWT);
  sessionStorage.setItem(`${DRAFTS}a new chat`, 'Dear');
  const renewed = JWT.replace('c2ln', 'bmV3');

  expect(keepToken(HERE.url, renewed)).toBe(false);
  expect(sessionStorage.getItem(`${DRAFTS}a new chat`)).toBe('Dear');
});

it('chats of each owner have a shelf, which does not give a shared token away', () => {
  const shelves = ['', JWT, 'let me in', 'another'].map((token) => {
    keepToken(HERE.url, token);
    return new SignIn(HERE).shelf;
  });

  expect(new Set(shelves).size).toBe(4);
  expect(shelves[0]).toBe('');
  expect(shelves.join()).not.toContain('let me in');
});

it('no request goes elsewhere, and with a token none follows a redirect', async () => {
  keepToken(HERE.url, JWT);
  const sent = vi.fn(async () => new Response('{}'));
  const guarded = new SignIn(HERE).guarded(sent);

  await guarded('/api/chats');

  expect(sent).toHaveBeenCalledWith('/api/chats', { redirect: 'error' });
  await expect(guarded('https://elsewhere.example/')).rejects.toThrow('elsewhere.example');
  expect(sent).toHaveBeenCalledOnce();
});

it('why the server refuses a token is known until it takes one', async () => {
  const refusal = new Response('{"success":false,"error":"Who are you?"}', { status: 401 });
  const responses = [refusal, new Response('{}')];
  const signIn = new SignIn(HERE);
  const guarded = signIn.guarded(async () => responses.shift() ?? new Response());
  const heard = vi.fn();
  signIn.subscribe(heard);

  const first = await guarded('/api/chats');
  const refused = signIn.standing.refusal;
  await guarded('/api/chats');

  expect(refused).toBe('Who are you?');
  expect(await first.text()).toContain('Who are you?');
  expect(signIn.standing.refusal).toBeUndefined();
  expect(heard).toHaveBeenCalledTimes(2);
});

it('the headers are those of the moment of the request', async () => {
  let token = 'old';
  const sent = vi.fn(async (_: RequestInfo | URL, init?: RequestInit) => {
    return new Response(new Headers(init?.headers).get('x-chat-token'));
  });
  const fetch = withHeaders(() => ({ 'x-chat-token': token }), sent);

  token = 'new';

  expect(await (await fetch('/', { headers: { 'x-other': '1' } })).text()).toBe('new');
});
