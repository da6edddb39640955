// The `fetch` for everything that goes to the backend. Who is signed in, its callers say in headers.
import type { Endpoint } from './endpoint';
import type { SignIn } from './signIn';
import { record } from './wire/recorder';

/** What sends a request once its headers are there. */
type Send = (input: RequestInfo | URL, init: RequestInit) => Promise<Response>;

/** Return the `fetch` of both versions of `useChat`: it records the bytes on the wire. */
export const makeChatFetch = (endpoint: Endpoint, signIn: SignIn) => {
  return makeFetch(endpoint, signIn, record);
};

/** Return a `fetch` that goes to the endpoint only. */
export function makeFetch(
  endpoint: Endpoint,
  signIn: SignIn,
  send: Send = (input, init) => fetch(input, init),
): typeof globalThis.fetch {
  return signIn.guarded(async (input, init = {}) => {
    const headers = new Headers(init.headers);
    // CloudFront's origin access control (OAC) signs without reading the body, so Lambda wants the
    // body's hash from whoever made it: without this header every POST with a body gets a 403.
    // https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-lambda.html
    if (endpoint.hashesBody && typeof init.body === 'string') {
      headers.set('x-amz-content-sha256', await sha256(init.body));
    }
    const response = await send(input, { ...init, headers });
    return response.ok ? response : withSentence(response);
  });
}

/** Return a response whose body is a sentence even if a proxy has refused the request with a page. */
function withSentence(response: Response): Response {
  const { status, statusText, headers } = response;
  if (!headers.get('content-type')?.startsWith('text/html')) return response;
  const error =
    status === 413
      ? 'The request is larger than the server, or a proxy before it, takes.'
      : `The server, or a proxy before it, has refused: ${status} ${statusText}`.trim();
  return new Response(JSON.stringify({ success: false, error }), { status, statusText, headers });
}

async function sha256(text: string): Promise<string> {
  if (!globalThis.crypto?.subtle) {
    throw new Error('Browsers hash only on https pages and on localhost: open this page there.');
  }
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
