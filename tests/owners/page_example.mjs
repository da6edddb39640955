// Runs the `signedFetch` of docs/users.md in the hooks of every AI SDK major: prints what they show.
//
//   node page_example.mjs URL OLD_TOKEN NEW_TOKEN   (the example, which wants an `auth`, on stdin)
import { text } from 'node:stream/consumers';
import { loadClient } from '../conformance/clients.mjs';
import * as legacy from '../conformance/legacy/chat.mjs';
import * as modern from '../conformance/modern/chat.mjs';

const [url, old, fresh] = process.argv.slice(2);
const example = await text(process.stdin);
const auths = (globalThis.auths = []);

/** Make the example's `fetch`, with an issuer that gives new tokens or fails. */
async function signed(isAway = false) {
  const auth = {
    accessToken: old,
    refreshes: 0,
    async refresh() {
      auth.refreshes += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (isAway) throw new Error('The issuer is away.');
      auth.accessToken = fresh;
    },
  };
  const own = `const auth = globalThis.auths[${auths.push(auth) - 1}];\n`;
  const { signedFetch } = await import(`data:text/javascript,${encodeURIComponent(own + example)}`);
  return { auth, fetch: signedFetch };
}

async function tryWith(client) {
  const { ask, openChat } = client.legacy ? legacy : modern;
  const options = (fetch) => (client.legacy ? { fetch } : { ways: { fetch } });
  const { auth, fetch } = await signed();
  const view = await ask({ client, url }, 'Hello', options(fetch));
  const shown = JSON.stringify(view.current.messages.at(-1));
  const away = await signed(true);
  const refused = await openChat({ client, url }, options(away.fetch));
  if (client.legacy) refused.current.append({ role: 'user', content: 'Hello' });
  else refused.current.sendMessage({ text: 'Hello' });
  await refused.until((hook) => hook.error, 'the error', true);
  return { shown, refreshes: auth.refreshes, error: refused.current.error.message };
}

const found = {};
for (const name of ['3.4', '4', '5', '6', '7']) {
  found[name] = await tryWith(await loadClient(name));
}
// Several requests at once need one new token.
const { auth, fetch: signedFetch } = await signed();
const responses = await Promise.all([1, 2, 3].map(() => signedFetch(`${url}/api/chats`)));
found.atOnce = { statuses: responses.map(({ status }) => status), refreshes: auth.refreshes };
console.log(JSON.stringify(found));
process.exit(0);
