// What a JSON Web Token says of itself (RFC 7519). Nothing is verified here: only the server can.

export interface Claims {
  /** Whom it stands for. */
  subject: string;
  issuer: string;
  /** Until when it counts, in milliseconds since 1970. */
  expires: number | undefined;
}

// A header is JSON, so it begins with `{"`, which is `eyJ` in base64.
const LOOKS_LIKE_ONE = /^eyJ[\w-]*\./;

/**
 * Return what a token says, or `undefined` if it is no JSON Web Token, or one that only its reader can
 * open.
 *
 * Throws an `Error` whose message says what is wrong with a token that looks like one.
 */
export function claimsOf(token: string): Claims | undefined {
  const parts = token.split('.');
  // Five parts: an encrypted one (RFC 7516).
  if (!LOOKS_LIKE_ONE.test(token) || parts.length === 5) return undefined;
  const claims = parts.length === 3 ? read(parts[1] ?? '') : undefined;
  if (claims === undefined || parts[2] === '') {
    throw new Error(
      'This JSON Web Token is not whole. Copy all of it: three parts with dots between them.',
    );
  }
  const { sub, iss, exp } = claims;
  return {
    subject: typeof sub === 'string' ? sub : '',
    issuer: typeof iss === 'string' ? iss : '',
    expires: typeof exp === 'number' ? exp * 1000 : undefined,
  };
}

function read(part: string): Record<string, unknown> | undefined {
  try {
    const text = atob(part.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
