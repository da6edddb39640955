// Where the chat's requests go. The first of these decides:
//
//   1. ?api=…          at run time, for example ?api=https://abc.lambda-url.eu-west-1.on.aws/
//   2. VITE_CHAT_URL   at build time
//   3. /api/chat       the server that serves this page
//
// What may stand there:
//
//   /api/chat                                          this server (`make run`, the image)
//   http://127.0.0.1:9001/api/chat                     another one; it has to allow our origin (CORS)
//   http://127.0.0.1:9000/2015-03-31/functions/function/invocations
//                                                      a local Lambda (`make emulate`): the request's
//                                                      body is the function's event
//   https://ID.lambda-url.REGION.on.aws/               a Function URL
//   https://ID.cloudfront.net/api/chat                 CloudFront in front of a URL with IAM auth

/** How the demo reaches the backend. */
export interface Endpoint {
  url: string;
  /** Sent as `x-chat-token`; see `chatFetch.ts` for why not as `authorization`. */
  token: string;
  /** Whether the body's SHA-256 travels with it, which CloudFront's origin access control wants. */
  hashesBody: boolean;
  /** Lambda's invocation API takes POSTs only: there is nothing to ask for a running stream. */
  canResume: boolean;
}

const query = new URLSearchParams(location.search);

/** Read the endpoint from the page's address, the build and this tab's session. */
export function readEndpoint(): Endpoint {
  const url = query.get('api') || import.meta.env.VITE_CHAT_URL || '/api/chat';
  return endpointAt(url, sessionStorage.getItem(tokenKey(url)) ?? '');
}

/** Reload the page with another endpoint. The token stays in this tab and out of the address. */
export function openEndpoint(url: string, token: string): void {
  const next = new URL(location.href);
  next.searchParams.set('api', url);
  if (token) sessionStorage.setItem(tokenKey(url), token);
  else sessionStorage.removeItem(tokenKey(url));
  // Going to the same address would not load the page again, and the token may be all that is new.
  history.replaceState(null, '', next);
  location.reload();
}

/** Return what is wrong with an address, or `undefined`. */
export function problemWith(url: string): string | undefined {
  try {
    const { protocol } = new URL(url, location.href);
    return /^https?:$/.test(protocol) ? undefined : 'Only http and https addresses will do.';
  } catch {
    return 'This is not an address.';
  }
}

function endpointAt(given: string, token: string): Endpoint {
  // `useChat` makes `${api}/${chatId}/stream` of it when it resumes.
  const url = given.replace(/\/+$/, '');
  const { hostname, pathname } = new URL(given, location.href);
  const wish = query.get('hash') ?? import.meta.env.VITE_CHAT_HASH_BODY;
  return {
    url,
    token,
    // A CloudFront domain of your own cannot be recognised: say ?hash=1 or VITE_CHAT_HASH_BODY=1.
    hashesBody: wish ? wish === '1' : hostname.endsWith('.cloudfront.net'),
    canResume: !pathname.endsWith('/invocations'),
  };
}

// One token for each address, so that a link with a strange ?api= is not told the token of another.
const tokenKey = (url: string) => `deltaline.token ${new URL(url, location.href).href}`;
