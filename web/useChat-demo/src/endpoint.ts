// Where the chat's requests go. The first of these decides:
//
//   1. ?api=…          at run time, for example ?api=https://abc.lambda-url.eu-west-1.on.aws/
//   2. VITE_CHAT_URL   at build time
//   3. /api/chat       the server that serves this page
//
// Possible values:
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
  /** Whether to send the body's SHA-256, which CloudFront's origin access control requires. */
  hashesBody: boolean;
  /** Lambda's invocation API accepts POST only, so a running stream cannot be asked for. */
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
  // Setting the same address would not reload the page, and perhaps only the token has changed.
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

// One token for each address, so that a link with a foreign ?api= does not get another's token.
const tokenKey = (url: string) => `deltaline.token ${new URL(url, location.href).href}`;
