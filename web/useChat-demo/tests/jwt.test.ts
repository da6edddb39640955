import { describe, expect, it } from 'vitest';
import { claimsOf } from '../src/jwt';

/** Return a token with these claims, whose signature nobody here could check. */
function token(claims: unknown): string {
  const part = (value: unknown) => {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    const text = btoa(String.fromCharCode(...bytes));
    return text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
  };
  return `${part({ alg: 'RS256' })}.${part(claims)}.c2lnbmF0dXJl`;
}

describe('what a token says of itself', () => {
  it('is its subject, its issuer and until when it counts', () => {
    const claims = claimsOf(token({ sub: 'ada', iss: 'https://id.example', exp: 1_700_000_000 }));

    expect(claims).toEqual({
      subject: 'ada',
      issuer: 'https://id.example',
      expires: 1_700_000_000_000,
    });
  });

  it('is read as UTF-8 and with the letters of base64url', () => {
    expect(claimsOf(token({ sub: 'Ådá ÿ???>>> 🫖' }))?.subject).toBe('Ådá ÿ???>>> 🫖');
  });

  it.each([{}, { sub: 7, iss: null, exp: 'soon' }])(
    'is nothing where it is no text: %j',
    (claims) => {
      expect(claimsOf(token(claims))).toEqual({ subject: '', issuer: '', expires: undefined });
    },
  );
});

it.each(['let me in', 'a.b.c', 'eyJ but no dots', ''])(
  'a shared token says nothing: %s',
  (shared) => {
    expect(claimsOf(shared)).toBeUndefined();
  },
);

it('a token that only its reader can open says nothing', () => {
  expect(claimsOf('eyJhbGciOiJkaXIifQ..aXY.dGV4dA.dGFn')).toBeUndefined();
});

it.each([
  token({ sub: 'ada' }).slice(0, 40),
  token({ sub: 'ada' }).replace(/\.[^.]*$/, '.'),
  token({ sub: 'ada' }).replace(/\.[^.]*\./, '.'),
  token(['ada']),
  token(null),
  'eyJhbGciOiJub25lIn0.bm8ganNvbg.c2ln',
  'eyJhbGciOiJub25lIn0.*.c2ln',
])('of a token that is not whole is said what to do: %s', (broken) => {
  expect(() => claimsOf(broken)).toThrow('Copy all of it');
});
