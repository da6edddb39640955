// Turns that outlive their request, in the hook: reload, second tab, stop, end race, replay.
import assert from 'node:assert/strict';
import { askedOfModel, mark, openGate } from '../wire.mjs';
import { callsOf, told, whenAnswered } from './calls.mjs';
import { answered, kindsOf, openChat, say, textOf } from './chat.mjs';

const FIRST = 'word0 word1 word2';
const WHOLE = /^word0 word1 word2 word3 .*word12$/;
const PLACE = { latitude: 60.39, longitude: 5.32 };

/**
 * Messages as JSON, without what history leaves out: what tools say while they run, the ids that the
 * last clients give to reasoning, and the name that others have for an input that is none.
 */
export const shown = (messages) =>
  JSON.parse(JSON.stringify(messages)).map((message) => ({
    ...message,
    parts: message.parts
      .filter(({ type }) => type !== 'data-status')
      .map(({ id, rawInput, ...part }) => ({
        ...(part.type === 'reasoning' || id === undefined ? {} : { id }),
        ...(rawInput === undefined ? {} : { input: rawInput }),
        ...part,
      })),
  }));
export const saysFirst = (hook) => textOf(hook.messages.at(-1)) === FIRST;
export const isWhole = (hook) => answered(hook) && WHOLE.test(textOf(hook.messages.at(-1)));

/** Post only the last message, as the documentation shows it; 5.0.0 says what it is. */
const waysOf = ({ body }, url) => ({
  prepareSendMessagesRequest: ({ id, messages, trigger, messageId, body }) => ({
    body: { ...body, id, message: messages.at(-1), trigger, messageId },
  }),
  ...(body && {
    prepareReconnectToStreamRequest: ({ id }) => ({
      api: `${url}/api/chat/${id}/stream?${new URLSearchParams(body)}`,
    }),
  }),
});

/** The address of a chat that is kept, and what the server says of it. */
export function storedChat({ client, site, ...context }, id = mark()) {
  const url = `${site}/stored`;
  const place = { ...context, client, site, url };
  const history = async () => (await fetch(`${url}/api/chats/${id}`)).json();
  return {
    id,
    url,
    history,
    /** Open the chat as a page does that knows its `messages`. */
    open: (options) =>
      openChat(place, { id, ...options, ways: { ...waysOf(client, url), ...options?.ways } }),
    /** Open it as a page does that has just been loaded. */
    async reload(options) {
      const { messages, turn } = await history();
      return this.open({ messages, resume: turn !== null, ...options });
    },
    /** Wait until no turn of it runs; return its messages. */
    async ended() {
      for (;;) {
        const { messages, turn } = await history();
        if (turn === null) return messages;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    stop: () => fetch(`${url}/api/chat/${id}/stop`, { method: 'POST' }),
  };
}

/** Begin an answer that says three words and waits at `gate`. */
export async function begin(chat, gate, options) {
  const view = await chat.open(options);
  view.current.sendMessage({ text: `scenario: stall after=3 gate=${gate}` });
  await view.until(saysFirst, 'three words');
  return view;
}

/** Leave a page: 7 aborts the request as it is unmounted, the others do not, a browser does. */
async function leave(view, { client }) {
  if (client.major < 7) view.current.stop();
  view.unmount();
}

/** Check that `view` shows what the server keeps. */
async function assertAsKept(chat, view) {
  assert.deepEqual(shown(view.current.messages), shown(await chat.ended()));
}

// What a model can do, for pages that follow it from the beginning.
const REPLAYED = [
  'scenario: text tokens=7',
  'scenario: reasoning tokens=5',
  'What is the weather in Oslo and Paris?',
  'scenario: call tool=count_up',
  'scenario: call tool=fail',
  'scenario: bad-arguments',
  'scenario: loop',
  'scenario: unicode',
  'scenario: length',
  'scenario: error-inside after=3',
  'Where am I?',
];

export const stored = {
  /** Leaving aborts the request; the turn goes on, and the page that is loaded shows all of it. */
  async 'stored-reload'(context) {
    const gate = mark();
    const chat = storedChat(context);
    await leave(await begin(chat, gate), context);
    const view = await chat.reload();
    assert.deepEqual(view.current.messages.map(({ role }) => role).slice(0, 1), ['user']);
    await view.until(saysFirst, 'what was said before');
    await openGate(context.site, gate);
    await view.until(isWhole, 'the rest');
    assert.deepEqual(kindsOf(view.current.messages[1]), ['step-start', 'text']);
    assert.equal((await askedOfModel(context.site, gate)).length, 1);
    assert.equal(view.wire.posts().length, 0);
    await assertAsKept(chat, view);
    await say(view, 'What did I say first?');
    assert.match(textOf(view.current.messages[3]), new RegExp(gate));
  },

  /** The hook is given a `Chat` that the app has made: then it is resumed all the same. */
  async 'stored-own-chat'(context) {
    const gate = mark();
    const chat = storedChat(context);
    await leave(await begin(chat, gate, { isOwn: true }), context);
    const view = await chat.reload({ isOwn: true });
    await view.until(saysFirst, 'what was said before');
    await openGate(context.site, gate);
    await view.until(isWhole, 'the rest');
    assert.deepEqual(kindsOf(view.current.messages[1]), ['step-start', 'text']);
    assert.equal((await askedOfModel(context.site, gate)).length, 1);
    assert.equal(view.wire.posts().length, 0);
    await assertAsKept(chat, view);
  },

  /** Nobody is there while the turn ends. */
  async 'stored-left'(context) {
    const gate = mark();
    const chat = storedChat(context);
    await leave(await begin(chat, gate), context);
    await openGate(context.site, gate);
    await chat.ended();
    const view = await chat.reload();
    assert.match(textOf(view.current.messages[1]), WHOLE);
    await view.wire.quiet();
    assert.deepEqual(view.wire.requests, []);
  },

  async 'stored-second-tab'(context) {
    const gate = mark();
    const chat = storedChat(context);
    const one = await begin(chat, gate);
    const two = await chat.reload();
    await two.until(saysFirst, 'the same words');
    await openGate(context.site, gate);
    await Promise.all([one, two].map((view) => view.until(isWhole, 'the rest')));
    for (const view of [one, two]) await assertAsKept(chat, view);
  },

  /** Stop is pressed in the other tab; then the answer is asked for again, in either. */
  async 'stored-stop'(context) {
    const gate = mark();
    const chat = storedChat(context);
    const one = await begin(chat, gate);
    const two = await chat.reload();
    await two.until(saysFirst, 'the same words');
    assert.equal((await chat.stop()).status, 204);
    for (const view of [one, two]) {
      await view.until(answered, 'the end');
      assert.equal(textOf(view.current.messages[1]), FIRST);
      await assertAsKept(chat, view);
    }
    await openGate(context.site, gate);
    const { id } = one.current.messages[1];
    one.current.regenerate();
    await one.until((hook) => isWhole(hook) && hook.messages[1].id !== id, 'another answer');
    assert.equal(one.current.messages.length, 2);
    await assertAsKept(chat, one);
    two.current.regenerate();
    await two.until(isWhole, 'another answer');
    await assertAsKept(chat, two);
  },

  /** A page reads the history while the turn runs, and asks for the turn after its end. */
  async 'stored-end-race'(context) {
    const gate = mark();
    const chat = storedChat(context);
    const first = await begin(chat, gate);
    const { messages, turn } = await chat.history();
    assert.deepEqual([messages.length, turn.state], [1, 'running']);
    await openGate(context.site, gate);
    await chat.ended();
    const view = await chat.open({ messages, resume: true });
    await view.until(isWhole, 'the answer');
    await assertAsKept(chat, view);
    await first.until(isWhole, 'the answer');
  },

  /** The next message comes from another page while the answer runs: it ends, and stays. */
  async 'stored-superseded'(context) {
    const gate = mark();
    const chat = storedChat(context);
    const one = await begin(chat, gate);
    const two = await chat.open({ messages: (await chat.history()).messages });
    two.current.sendMessage({ text: 'What did I say first?' });
    await two.until((hook) => answered(hook) && textOf(hook.messages.at(-1)) !== '', 'the answer');
    assert.match(textOf(two.current.messages.at(-1)), new RegExp(gate));
    await one.until(answered, 'the end');
    assert.equal(textOf(one.current.messages[1]), FIRST);
    const kept = await chat.ended();
    assert.deepEqual(kept.map(({ role }) => role), ['user', 'assistant', 'user', 'assistant']);
    assert.deepEqual(shown(one.current.messages), shown(kept.slice(0, 2)));
  },

  async 'stored-client-tool'(context) {
    const chat = storedChat(context);
    const asked = await chat.open();
    asked.current.sendMessage({ text: 'Where am I?' });
    await asked.until(answered, 'the call');
    await chat.ended();
    await leave(asked, context);

    const view = await chat.reload(whenAnswered(context));
    const [call] = callsOf(view.current.messages[1]);
    assert.equal(call.state, 'input-available');
    (view.current.addToolOutput ?? view.current.addToolResult)({
      tool: 'get_location',
      toolCallId: call.toolCallId,
      output: PLACE,
    });
    await told(view);
    assert.match(textOf(view.current.messages[1]), /60\.39/);
    assert.equal((await view.wire.quiet()).length, 1);
    await assertAsKept(chat, view);
    // A page that follows is sent the whole message, also what the first request said.
    const other = await chat.open({ messages: (await chat.history()).messages.slice(0, 1) });
    other.current.resumeStream();
    await told(other);
    await assertAsKept(chat, other);
  },

  /** The result is posted, and stop is pressed before the model says anything: it stays stopped. */
  async 'stored-stopped-continuation'(context) {
    const gate = mark();
    const chat = storedChat(context);
    const view = await chat.open(whenAnswered(context));
    view.current.sendMessage({ text: `scenario: call tool=get_location gate=${gate}` });
    await view.until(answered, 'the call');
    const [call] = callsOf(view.current.messages[1]);
    (view.current.addToolOutput ?? view.current.addToolResult)({
      tool: 'get_location',
      toolCallId: call.toolCallId,
      output: PLACE,
    });
    while ((await askedOfModel(context.site, gate)).length < 2) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal((await chat.stop()).status, 204);
    assert.equal((await view.wire.quiet()).length, 2);
    const isDone = ({ messages }) => callsOf(messages[1])[0].state === 'output-available';
    await view.until((hook) => answered(hook) && isDone(hook), 'the end');
    assert.equal((await view.wire.quiet()).length, 2);
    assert.equal(textOf(view.current.messages[1]), '');
    await openGate(context.site, gate);
    await assertAsKept(chat, view);
    assert.equal((await askedOfModel(context.site, gate)).length, 2);
  },

  async 'stored-approval'(context) {
    const { client } = context;
    const chat = storedChat(context);
    const asked = await chat.open();
    asked.current.sendMessage({ text: 'Send an e-mail to ada@example.com about lunch' });
    await asked.until(answered, 'the question');
    await chat.ended();
    await leave(asked, context);

    const view = await chat.reload({
      sendAutomaticallyWhen: client.ai.lastAssistantMessageIsCompleteWithApprovalResponses,
    });
    const [call] = callsOf(view.current.messages[1]);
    assert.equal(call.state, 'approval-requested');
    view.current.addToolApprovalResponse({ id: call.approval.id, approved: true });
    await told(view);
    const [done] = callsOf(view.current.messages[1]);
    assert.equal(done.state, 'output-available');
    assert.equal(done.output.sent, true);
    assert.equal((await view.wire.quiet()).length, 1);
    await assertAsKept(chat, view);
  },

  /** Whatever the model does: a page that follows shows what the page that asked shows. */
  async 'stored-replay'(context) {
    const over = ({ status }) => status === 'ready' || status === 'error';
    const one = async (text) => {
      const chat = storedChat(context);
      const view = await chat.open();
      view.current.sendMessage({ text });
      await view.until((hook) => over(hook) && hook.messages.length === 2, text, true);
      const kept = await chat.ended();
      assert.deepEqual(shown(view.current.messages), shown(kept), text);

      const other = await chat.open({ messages: kept.slice(0, 1) });
      other.current.resumeStream();
      await other.until((hook) => over(hook) && hook.messages.length === 2, text, true);
      assert.deepEqual(shown(other.current.messages), shown(kept), text);
      assert.equal(other.current.error?.message, view.current.error?.message, text);
    };
    await Promise.all(REPLAYED.map(one));
  },
};
