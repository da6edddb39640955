// The `fetch` for everything that goes to the backend.
import type { Endpoint } from './endpoint';
import { record } from './wire/recorder';

/** What sends a request once its headers are there. */
type Send = (input: RequestInfo | URL, init: RequestInit) => Promise<Response>;

/** Return the `fetch` of both versions of `useChat`: it records the bytes on the wire. */
export const makeChatFetch = (endpoint: Endpoint) => makeFetch(endpoint, record);

/** Return a `fetch` that adds the headers the endpoint needs. */
export function makeFetch(
  endpoint: Endpoint,
  send: Send = (input, init) => fetch(input, init),
): typeof globalThis.fetch {
  return async (input, init = {}) => {
    const headers = new Headers(init.headers);
    // Behind CloudFront's origin access control (OAC), CloudFront signs each request to the Function
    // URL and writes its signature into `authorization`, over whatever was there. So our token has a
    // header of its own, which the backend reads as well.
    if (endpoint.token) headers.set('x-chat-token', endpoint.token);
    // OAC signs without reading the body, so Lambda wants the body's hash from whoever made it:
    // without this header every POST with a body is answered with 403.
    // https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-lambda.html
    if (endpoint.hashesBody && typeof init.body === 'string') {
      headers.set('x-amz-content-sha256', await sha256(init.body));
    }
    return send(input, { ...init, headers });
  };
}

async function sha256(text: string): Promise<string> {
  if (!globalThis.crypto?.subtle) {
    throw new Error('Browsers hash only on https pages and on localhost: open this page there.');
  }
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
