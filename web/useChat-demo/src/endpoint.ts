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
//
// Anybody can make a link with ?api=…, so a server elsewhere gets nothing before the user has agreed.
import { keepToken } from './signIn';

/** How the demo reaches the backend. Who asks there is in `signIn.ts`. */
export interface Endpoint {
  url: string;
  /** Whether to send the body's SHA-256, which CloudFront's origin access control requires. */
  hashesBody: boolean;
  /** Lambda's invocation API accepts POST only, so a running stream cannot be asked for. */
  canResume: boolean;
  /** What the server's other routes (`/api/chats`) stand below; `undefined` where it has none. */
  root?: string;
  /** Where this server's chats are kept; empty for the page's own. No other server gets them. */
  shelf: string;
}

/** What the page's address asks for. Until it is `open`, no request may be made. */
export type Opening =
  | { state: 'open'; endpoint: Endpoint }
  | { state: 'elsewhere'; origin: string; endpoint: Endpoint }
  | { state: 'refused'; problem: string };

const query = new URLSearchParams(location.search);

/** Read the endpoint from the page's address, the build and this tab's session. Sends nothing. */
export function readOpening(): Opening {
  const wish = query.get('api');
  const url = wish || ownUrl();
  const problem = problemWith(url);
  if (problem) return { state: 'refused', problem };
  const { origin } = new URL(url, location.href);
  const endpoint = endpointAt(url);
  if (!wish || isOurs(origin) || sessionStorage.getItem(agreementKey(origin))) {
    return { state: 'open', endpoint };
  }
  // In somebody else's page, a click on our button may have been meant for theirs.
  if (window.top !== window.self) {
    return { state: 'refused', problem: 'Inside another page, this one uses its own server only.' };
  }
  return { state: 'elsewhere', origin, endpoint };
}

/** Note for this tab that the user agrees to send to this server. */
export function agree(origin: string): void {
  sessionStorage.setItem(agreementKey(origin), 'yes');
}

/** Reload the page with its own server. */
export function openOwn(): void {
  const next = new URL(location.href);
  next.searchParams.delete('api');
  next.searchParams.delete('hash');
  location.replace(next);
}

/** Reload the page with another endpoint. The token stays in this tab and out of the address. */
export function openEndpoint(url: string, token: string): void {
  // The user has written this address.
  agree(new URL(url, location.href).origin);
  const next = new URL(location.href);
  next.searchParams.set('api', url);
  // What is in the address belongs to whoever asked before.
  if (keepToken(url, token)) next.hash = '';
  // Setting the same address would not reload the page, and perhaps only the token has changed.
  history.replaceState(null, '', next);
  location.reload();
}

/** Return what is wrong with an address, or `undefined`. */
export function problemWith(url: string): string | undefined {
  try {
    const { protocol, username, password } = new URL(url, location.href);
    if (!/^https?:$/.test(protocol)) return 'Only http and https addresses will do.';
    // Browsers do not fetch such addresses, and a name can look like the host.
    return username || password ? 'The address must not hold a name or a password.' : undefined;
  } catch {
    return 'This is not an address.';
  }
}

function endpointAt(given: string): Endpoint {
  // `useChat` makes `${api}/${chatId}/stream` of it when it resumes.
  const url = given.replace(/\/+$/, '');
  const { hostname, origin, pathname } = new URL(given, location.href);
  const wish = query.get('hash') ?? import.meta.env.VITE_CHAT_HASH_BODY;
  return {
    url,
    // A CloudFront domain of your own cannot be recognised: say ?hash=1 or VITE_CHAT_HASH_BODY=1.
    hashesBody: wish ? wish === '1' : hostname.endsWith('.cloudfront.net'),
    canResume: !pathname.endsWith('/invocations'),
    root: rootAt(new URL(url || '/', location.href)),
    shelf: origin === new URL(ownUrl(), location.href).origin ? '' : origin,
  };
}

function rootAt({ origin, pathname }: URL): string | undefined {
  // At any other path stands somebody else's server, or Lambda's invocation API.
  const [, prefix] = /^(.*?)(?:\/api\/chat|\/)$/.exec(pathname) ?? [];
  return prefix === undefined ? undefined : origin + prefix;
}

function ownUrl(): string {
  return import.meta.env.VITE_CHAT_URL || '/api/chat';
}

/** Whether whoever made this page chose the server: it serves the page, or the build names it. */
function isOurs(origin: string): boolean {
  return origin === location.origin || origin === new URL(ownUrl(), location.href).origin;
}

const agreementKey = (origin: string) => `deltaline.agreed ${origin}`;
