// What each client makes of a resumed stream that does not begin where its history ends.
//
// A page that does as docs/durability.md says gets into none of these, but for a network that was
// cut. `KNOWN_BAD` says who shows the text twice, loses a part or fails, which no server can mend;
// that a client does better than it says fails too.
import assert from 'node:assert/strict';
import { chunksOf, mark, openGate } from '../wire.mjs';
import { callsOf, told, whenAnswered } from './calls.mjs';
import { answered, kindsOf, textOf } from './chat.mjs';
import { begin, isWhole, storedChat } from './stored.mjs';

const every = (clients, outcome) => Object.fromEntries(clients.map((name) => [name, outcome]));
const OLDER = ['5.0.0', '5.0.100', '6.0.98', '7.0.19'];
const KNOWN_BAD = {
  partial: every(OLDER, 'twice'),
  finished: every(OLDER, 'twice'),
  previous: every(OLDER, 'twice'),
  'rest of continuation': every(['5', '6', '7'], 'step-start text'),
  'whole continuation': every(OLDER, 'step-start tool-get_location step-start step-start text'),
  // The hook of 6 does not ask its transport whether a resumed stream is a replay; that of 7 does.
  'same page': every([...OLDER, '5', '6'], 'twice'),
  // … but for that of a `Chat` that the app has made.
  'own chat': every([...OLDER, '5'], 'twice'),
  'rest on page': every(OLDER, 'fails'),
  'cut page': every(['5', '6'], 'twice'),
};

const settled = ({ status }) => status === 'ready' || status === 'error';

function assertOutcome({ client }, row, outcome) {
  assert.equal(outcome, KNOWN_BAD[row][client.name] ?? 'right');
}

/** What `view` makes of the three words that come first; they may not stand in another answer. */
function outcomeOf({ current: { error, messages } }) {
  if (error) return 'fails';
  const said = messages
    .filter(({ role }) => role === 'assistant')
    .map((message) => textOf(message))
    .join('');
  const times = said.split('word0 word1 word2').length - 1;
  const joined = messages.some((message) => textOf(message).startsWith('Yes.word0'));
  return times === 1 && !joined ? 'right' : times > 1 || joined ? 'twice' : `not: ${said}`;
}

/** A page that knows `messages` is sent the whole turn, which has ended. */
async function follow(context, chat, row, messages) {
  const view = await chat.open({ messages });
  await view.current.resumeStream();
  view.refresh();
  assertOutcome(context, row, outcomeOf(view));
}

/** Return a chat with an answer, whose end the server knows. */
async function finished(context) {
  const chat = storedChat(context);
  const gate = mark();
  await openGate(context.site, gate);
  const view = await chat.open();
  view.current.sendMessage({ text: `scenario: stall after=3 gate=${gate}` });
  await view.until(isWhole, 'the answer');
  return { chat, view, messages: await chat.ended() };
}

/** The network of a page is cut after three words, and `again` makes it ask for the turn. */
async function cutOff(context, row, again, options) {
  const gate = mark();
  const chat = storedChat(context);
  const view = await begin(chat, gate, options);
  const before = view.wire.requests.length;
  view.wire.cut();
  await view.until(({ status }) => status === 'error', 'the error', true);
  const done = again(view);
  const asked = () => view.wire.requests.slice(before).some(({ method }) => method === 'GET');
  await view.until(asked, 'the request', true);
  await openGate(context.site, gate);
  await chat.ended();
  await done;
  await view.until(settled, 'the end', true);
  view.refresh();
  assertOutcome(context, row, outcomeOf(view));
}

/** A client tool was answered, and the page knows the message as it was then. */
async function followContinuation(context, row, query) {
  const chat = storedChat(context);
  const asked = await chat.open(whenAnswered(context));
  asked.current.sendMessage({ text: 'Where am I?' });
  await asked.until(answered, 'the call');
  await chat.ended();
  const [call] = callsOf(asked.current.messages[1]);
  (asked.current.addToolOutput ?? asked.current.addToolResult)({
    tool: 'get_location',
    toolCallId: call.toolCallId,
    output: { latitude: 60.39, longitude: 5.32 },
  });
  await told(asked);
  const [mine, message] = await chat.ended();
  const known = { ...message, parts: message.parts.slice(0, 2) };
  const view = await chat.open({
    messages: [mine, known],
    ways: {
      prepareReconnectToStreamRequest: ({ id }) => ({
        api: `${chat.url}/api/chat/${id}/stream${query}`,
      }),
    },
  });
  await view.current.resumeStream();
  view.refresh();
  const kinds = kindsOf(view.current.messages.at(-1)).join(' ');
  const right = 'step-start tool-get_location step-start text';
  assertOutcome(context, row, kinds === right ? 'right' : kinds);
}

export const rows = {
  /** The page has kept the partial answer itself. */
  async 'stored-partial'(context) {
    const gate = mark();
    const chat = storedChat(context);
    const first = await begin(chat, gate);
    const messages = structuredClone(first.current.messages);
    await openGate(context.site, gate);
    await chat.ended();
    await follow(context, chat, 'partial', messages);
  },

  async 'stored-finished'(context) {
    const { chat, messages } = await finished(context);
    await follow(context, chat, 'finished', messages);
  },

  /** The page was loaded before another one sent the user's message. */
  async 'stored-previous'(context) {
    const { chat, messages } = await finished(context);
    const answer = { ...messages[1], id: 'a0', parts: [{ type: 'text', text: 'Yes.' }] };
    await follow(context, chat, 'previous', [messages[0], answer]);
  },

  async 'stored-rest-of-continuation'(context) {
    await followContinuation(context, 'rest of continuation', '?startIndex=0');
  },

  async 'stored-whole-continuation'(context) {
    await followContinuation(context, 'whole continuation', '');
  },

  /** The page asks again by a button. */
  async 'stored-cut'(context) {
    await cutOff(context, 'same page', (view) => view.current.resumeStream());
  },

  /** The hook asks again by itself as the page becomes visible. */
  async 'stored-visible-again'(context) {
    const { document, Event } = globalThis.window;
    const show = async () => document.dispatchEvent(new Event('visibilitychange'));
    await cutOff(context, 'same page', show, { resume: true });
    // After it, since all pages of this process become visible together.
    await cutOff(context, 'own chat', show, { resume: true, isOwn: true });
  },

  /** The same with a `Chat` that the app has made: there 6 does ask whether it is a replay. */
  async 'stored-own-chat-cut'(context) {
    await cutOff(context, 'own chat', (view) => view.current.resumeStream(), { isOwn: true });
  },

  /** The page says how many chunks it has. */
  async 'stored-rest-on-page'(context) {
    let page;
    const again = (view) => {
      page = view;
      return view.current.resumeStream();
    };
    await cutOff(context, 'rest on page', again, {
      ways: {
        prepareReconnectToStreamRequest: ({ id }) => {
          const { length } = chunksOf(page.wire.posts()[0].wire);
          return { api: `${context.site}/stored/api/chat/${id}/stream?startIndex=${length}` };
        },
      },
    });
  },

  /** The page cuts the partial answer off before it asks. */
  async 'stored-cut-page'(context) {
    await cutOff(context, 'cut page', (view) => {
      view.current.setMessages(view.current.messages.slice(0, -1));
      return view.current.resumeStream();
    });
  },
};
