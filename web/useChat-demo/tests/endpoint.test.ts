import { afterEach, describe, expect, it, vi } from 'vitest';

/** Load the module anew for a page at this address. */
async function openedAt(address: string, session: Record<string, string> = {}) {
  (window as unknown as { happyDOM: { setURL(url: string): void } }).happyDOM.setURL(address);
  sessionStorage.clear();
  for (const [key, value] of Object.entries(session)) sessionStorage.setItem(key, value);
  vi.resetModules();
  return import('../src/endpoint');
}

afterEach(() => vi.unstubAllEnvs());

describe('where the page may send', () => {
  it('is the server that serves it', async () => {
    const { readOpening } = await openedAt('http://127.0.0.1:9000/');

    expect(readOpening()).toEqual({
      state: 'open',
      endpoint: {
        url: '/api/chat',
        hashesBody: false,
        canResume: true,
        root: 'http://127.0.0.1:9000',
        shelf: '',
      },
    });
  });

  it('is the server that the build names', async () => {
    vi.stubEnv('VITE_CHAT_URL', 'https://chat.example/api/chat');
    const { readOpening } = await openedAt('http://127.0.0.1:9000/');

    expect(readOpening()).toMatchObject({
      state: 'open',
      endpoint: { url: 'https://chat.example/api/chat', root: 'https://chat.example', shelf: '' },
    });
  });

  it('is a server elsewhere only once the user has agreed, in this tab', async () => {
    const link = 'http://127.0.0.1:9000/?api=https://chat.example/api/chat/';
    const { agree, readOpening } = await openedAt(link);

    const before = readOpening();
    agree('https://chat.example');
    const after = readOpening();

    expect(before).toMatchObject({ state: 'elsewhere', origin: 'https://chat.example' });
    expect(after).toMatchObject({
      state: 'open',
      endpoint: { url: 'https://chat.example/api/chat', shelf: 'https://chat.example' },
    });
  });

  it.each([
    '//chat.example/api/chat',
    'http:/\\chat.example/api/chat',
    'https://CHAT.example:443/api/chat',
    'http://127.0.0.1:9001/api/chat',
    'https://127.0.0.1:9000/api/chat',
  ])('is elsewhere in every spelling: %s', async (api) => {
    const { readOpening } = await openedAt(
      `http://127.0.0.1:9000/?${new URLSearchParams({ api })}`,
    );

    expect(readOpening().state).toBe('elsewhere');
  });

  it.each([
    ['javascript:alert(1)', 'Only http and https addresses will do.'],
    ['file:///etc/passwd', 'Only http and https addresses will do.'],
    ['http://', 'This is not an address.'],
    ['https://ada:secret@chat.example/', 'The address must not hold a name or a password.'],
    ['https://ada@chat.example/', 'The address must not hold a name or a password.'],
  ])('is never %s', async (api, problem) => {
    const { readOpening } = await openedAt(
      `http://127.0.0.1:9000/?${new URLSearchParams({ api })}`,
    );

    expect(readOpening()).toEqual({ state: 'refused', problem });
  });
});

describe('how a server is spoken to', () => {
  const cases = [
    [
      'https://abc.cloudfront.net/api/chat',
      { hashesBody: true, root: 'https://abc.cloudfront.net' },
    ],
    [
      'https://abc.lambda-url.eu-west-1.on.aws/',
      { root: 'https://abc.lambda-url.eu-west-1.on.aws' },
    ],
    ['https://api.example/prod/api/chat', { root: 'https://api.example/prod' }],
    [
      'http://127.0.0.1:9001/2015-03-31/functions/function/invocations',
      { canResume: false, root: undefined },
    ],
    ['https://cloudfront.net.evil.example/', { hashesBody: false }],
  ] as const;

  it.each(cases)('is known by its address: %s', async (api, expected) => {
    const { agree, readOpening } = await openedAt(`http://127.0.0.1:9000/?api=${api}`);
    agree(new URL(api).origin);

    expect(readOpening()).toMatchObject({ state: 'open', endpoint: expected });
  });

  it('is what the address says besides', async () => {
    const { readOpening } = await openedAt('http://127.0.0.1:9000/?hash=1');

    expect(readOpening()).toMatchObject({ endpoint: { hashesBody: true } });
  });
});
