// Cuts a chat's connections wherever they can be cut, and looks whether anybody notices.
//
//     node cuts.mjs CLIENT SITE RELAY
//
// Prints the number of chats. A client that gets another message than the server keeps is an error.
import assert from 'node:assert/strict';
import { loadClient } from '../clients.mjs';
import { askedOfModel, mark } from '../wire.mjs';
import * as legacy from '../legacy/chat.mjs';
import * as modern from '../modern/chat.mjs';
import { shown } from '../modern/stored.mjs';
import { loadOurs } from './load.mjs';

const [, , name, site, relay] = process.argv;
const client = await loadClient(name);
const { resumingFetch } = await loadOurs('resumingFetch.ts');
const { ResumingTransport } = client.legacy ? {} : await loadOurs('resumingTransport.ts', client.ai);
const pausesMs = Array.from({ length: 8 }, () => 20);

const TEXTS = [
  'scenario: text tokens=30',
  'scenario: reasoning tokens=12',
  'scenario: unicode',
  'What is the weather in Oslo and Paris?',
  'scenario: call tool=count_up',
];

/** Open a chat whose connections are cut `times` times after `bytes` bytes of their bodies. */
async function openCut(bytes, times, more) {
  const id = mark();
  const url = `${relay}/cut/${id}/${bytes}/${times}/stored`;
  const sdk = client.body ? `?${new URLSearchParams(client.body)}` : '';
  const history = async () =>
    (await fetch(`${site}/stored/api/chats/${id}${client.legacy ? '?sdk=4' : ''}`)).json();
  const place = { client, site, url };
  const view = client.legacy
    ? await openLegacy(place, id, more)
    : await modern.openChat(place, {
        id,
        api: `/api/chat${sdk}`,
        transport: ResumingTransport,
        ways: { pausesMs },
        ...more,
      });
  return { id, view, history };
}

/** The hook of 4 takes a `fetch`; that of the flows writes down what went over the wire. */
async function openLegacy({ url }, id, more) {
  const fetch = resumingFetch({ pausesMs });
  return legacy.openChat({ client, url }, { id, body: { id }, fetch, ...more });
}

async function ended(history) {
  for (;;) {
    const { messages, turn } = await history();
    if (turn === null && messages?.length === 2) return messages;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const alike = (messages) =>
  client.legacy
    ? messages.map(({ role, content, parts }) => ({
        role,
        content,
        // Of reasoning and steps each side keeps what it needs.
        tools: parts.filter(({ type }) => type === 'tool-invocation').map((part) => part.toolInvocation),
      }))
    : shown(messages);

const plain = (value) => JSON.parse(JSON.stringify(value));

async function assertWhole({ view, history }, text) {
  const isOver = (hook) =>
    client.legacy ? legacy.idle(hook) && hook.messages.length === 2 : modern.answered(hook);
  await view.until(isOver, `the whole answer to ${text}`);
  const messages = await ended(history);
  view.refresh();
  assert.deepEqual(plain(alike(view.current.messages)), plain(alike(messages)), text);
  view.unmount();
}

async function ask(bytes, times, asked) {
  const chat = await openCut(bytes, times);
  if (client.legacy) chat.view.current.append({ role: 'user', content: asked });
  else chat.view.current.sendMessage({ text: asked });
  await assertWhole(chat, `${asked}, cut ${times} times after ${bytes} bytes`);
}

/** A page that has been loaded follows an answer, and its connection is cut. */
async function follow(bytes, text) {
  const first = await openCut(10_000_000, 0);
  if (client.legacy) first.view.current.append({ role: 'user', content: text });
  else first.view.current.sendMessage({ text });
  const messages = (await ended(first.history)).slice(0, 1);
  const url = `${relay}/cut/${mark()}/${bytes}/1/stored`;
  const more = client.legacy ? { initialMessages: messages } : { messages };
  const place = { client, site, url };
  const sdk = client.body ? `?${new URLSearchParams(client.body)}` : '';
  const view = client.legacy
    ? await openLegacy(place, first.id, more)
    : await modern.openChat(place, {
        id: first.id,
        ...more,
        transport: ResumingTransport,
        ways: {
          pausesMs,
          ...(sdk && {
            prepareReconnectToStreamRequest: () => ({
              api: `${url}/api/chat/${first.id}/stream${sdk}`,
            }),
          }),
        },
      });
  if (client.legacy) view.current.experimental_resume();
  else void view.current.resumeStream();
  await assertWhole({ view, history: first.history }, `${text}, followed and cut after ${bytes} bytes`);
}

let chats = 0;
const jobs = [];
for (const [number, text] of TEXTS.entries()) {
  // Once, anywhere; and again and again.
  for (let bytes = 1 + number; bytes < 2600; bytes += 149) jobs.push(() => ask(bytes, 1, text));
  for (const bytes of [900, 1111, 1999]) jobs.push(() => ask(bytes, 1000, text));
  for (let bytes = 3 + number; bytes < 1200; bytes += 211) jobs.push(() => follow(bytes, text));
}
async function run() {
  for (const job of left) {
    await job();
    chats += 1;
  }
}
const left = jobs.values();
await Promise.all(Array.from({ length: 6 }, run));

// The model is asked for the call and for the text, however often the connection is cut.
const asked = `What is the weather in Rome? ${mark()}`;
await ask(1000, 1000, asked);
assert.equal((await askedOfModel(site, asked)).length, 2);
process.stdout.write(`${chats} chats\n`, () => process.exit(0));
