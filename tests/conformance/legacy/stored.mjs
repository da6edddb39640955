// Turns that outlive their request, in AI SDK 3.4 and 4, of which only 4 can resume.
import assert from 'node:assert/strict';
import { mark, openGate } from '../wire.mjs';
import { idle, invocationsOf, openChat, say, textOf } from './chat.mjs';

const FIRST = 'word0 word1 word2';
const WHOLE = /^word0 word1 word2 word3 .*word12$/;
const PLACE = { latitude: 60.39, longitude: 5.32 };

const saysFirst = (hook) => textOf(hook.messages.at(-1)) === FIRST;
const isWhole = (hook) => idle(hook) && WHOLE.test(textOf(hook.messages.at(-1)));

/** The address of a chat that is kept, and what the server says of it. */
function storedChat({ client, site }) {
  const id = mark();
  const url = `${site}/stored`;
  // 3.4 posts no id, and who does so is taken for 4.
  const body = client.name === '3.4' ? { id, sdk: '3.4' } : { id };
  const history = async () =>
    (await fetch(`${url}/api/chats/${id}?sdk=${client.name}`)).json();
  return {
    id,
    history,
    /** Open it. Hooks of one page share what they know of an id, so each gets another one. */
    open: (options) => openChat({ client, site, url }, { id: mark(), body, ...options }),
    async reload(options) {
      const { messages: initialMessages } = await history();
      return this.open({ initialMessages, ...options });
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
async function begin(chat, gate) {
  const view = await chat.open();
  view.current.append({ role: 'user', content: `scenario: stall after=3 gate=${gate}` });
  await view.until(saysFirst, 'three words');
  return view;
}

/** Open the chat in a page that follows its turn, knowing `initialMessages`. */
async function follow(chat, initialMessages) {
  const view = await chat.open({ id: chat.id, initialMessages });
  view.current.experimental_resume();
  return view;
}

const textsOf = (messages) => messages.map((message) => [message.role, textOf(message)]);

const REPLAYED = [
  'scenario: text tokens=7',
  'scenario: reasoning tokens=5',
  'What is the weather in Oslo and Paris?',
  'scenario: call tool=fail',
  'scenario: loop',
  'scenario: unicode',
  'Where am I?',
];

export const stored = {
  async 'stored-reload'(context) {
    const gate = mark();
    const chat = storedChat(context);
    const left = await begin(chat, gate);
    left.current.stop();
    left.unmount();
    const { messages } = await chat.history();
    assert.equal(messages.length, 1);
    const view = await follow(chat, messages);
    await view.until(saysFirst, 'what was said before');
    await openGate(context.site, gate);
    await view.until(isWhole, 'the rest');
    assert.deepEqual(textsOf(view.current.messages), textsOf(await chat.ended()));
  },

  async 'stored-left'(context) {
    const gate = mark();
    const chat = storedChat(context);
    const left = await begin(chat, gate);
    left.current.stop();
    left.unmount();
    await openGate(context.site, gate);
    await chat.ended();
    const view = await chat.reload();
    assert.match(textOf(view.current.messages[1]), WHOLE);
    await say(view, 'What did I say first?');
    assert.match(textOf(view.current.messages[3]), new RegExp(gate));
  },

  async 'stored-second-tab'(context) {
    const gate = mark();
    const chat = storedChat(context);
    const one = await begin(chat, gate);
    const two = await follow(chat, (await chat.history()).messages);
    await two.until(saysFirst, 'the same words');
    await openGate(context.site, gate);
    await Promise.all([one, two].map((view) => view.until(isWhole, 'the rest')));
  },

  async 'stored-stop'(context) {
    const gate = mark();
    const chat = storedChat(context);
    const one = await begin(chat, gate);
    const two = await follow(chat, (await chat.history()).messages);
    await two.until(saysFirst, 'the same words');
    assert.equal((await chat.stop()).status, 204);
    for (const view of [one, two]) {
      await view.until(idle, 'the end', true);
      assert.equal(textOf(view.current.messages[1]), FIRST);
    }
    assert.deepEqual(textsOf(one.current.messages), textsOf(await chat.ended()));
    await openGate(context.site, gate);
    one.current.reload();
    await one.until(isWhole, 'another answer');
    const kept = await chat.ended();
    assert.deepEqual(textsOf(one.current.messages), textsOf(kept));
    assert.equal(kept.length, 2);
  },

  async 'stored-end-race'(context) {
    const gate = mark();
    const chat = storedChat(context);
    await begin(chat, gate);
    const { messages, turn } = await chat.history();
    assert.deepEqual([messages.length, turn.state], [1, 'running']);
    await openGate(context.site, gate);
    await chat.ended();
    const view = await follow(chat, messages);
    await view.until(isWhole, 'the answer');
  },

  async 'stored-superseded'(context) {
    const gate = mark();
    const chat = storedChat(context);
    const one = await begin(chat, gate);
    const two = await chat.reload();
    await say(two, 'What did I say first?');
    assert.match(textOf(two.current.messages.at(-1)), new RegExp(gate));
    await one.until(idle, 'the end', true);
    assert.equal(textOf(one.current.messages[1]), FIRST);
    const kept = await chat.ended();
    assert.deepEqual(kept.map(({ role }) => role), ['user', 'assistant', 'user', 'assistant']);
  },

  async 'stored-client-tool'(context) {
    const chat = storedChat(context);
    await say(await chat.open(), 'Where am I?');
    await chat.ended();
    const view = await chat.reload({ maxSteps: 4 });
    const [call] = invocationsOf(view.current);
    assert.equal(call.state, 'call');
    view.current.addToolResult({ toolCallId: call.toolCallId, result: PLACE });
    const told = (hook) => hook.messages.map((message) => textOf(message)).join('');
    await view.until((hook) => idle(hook) && /60\.39/.test(told(hook)), 'the text');
    assert.equal((await view.wire.quiet()).length, 1);
    const kept = await chat.ended();
    assert.deepEqual(kept.map(({ role }) => role), ['user', 'assistant']);
    assert.match(textOf(kept[1]), /60\.39/);
  },

  /** Whatever the model does: a page that follows shows what the page that asked shows. */
  async 'stored-replay'(context) {
    const one = async (content) => {
      const chat = storedChat(context);
      const view = await chat.open();
      await say(view, content);
      const kept = await chat.ended();
      const other = await follow(chat, kept.slice(0, 1));
      const done = () => other.finished.length === 1;
      await other.until((hook) => done() && idle(hook), content);
      const what = ({ content: text, toolInvocations, reasoning }) => ({
        text,
        toolInvocations,
        reasoning,
      });
      assert.deepEqual(what(other.current.messages[1]), what(view.current.messages[1]), content);
    };
    await Promise.all(REPLAYED.map(one));
  },

  /** Known bad: the page knows the partial answer, to which the client appends. */
  async 'stored-partial'(context) {
    const gate = mark();
    const chat = storedChat(context);
    const first = await begin(chat, gate);
    const view = await follow(chat, structuredClone(first.current.messages));
    await openGate(context.site, gate);
    await view.until((hook) => /word12/.test(textOf(hook.messages.at(-1))), 'the rest');
    assert.ok(textOf(view.current.messages.at(-1)).startsWith(`${FIRST}${FIRST} word3`));
  },

  /** Known bad: the page knows the answer. */
  async 'stored-finished'(context) {
    const chat = storedChat(context);
    await say(await chat.open(), 'scenario: say text=Yes.');
    const view = await follow(chat, await chat.ended());
    await view.until((hook) => textOf(hook.messages.at(-1)) === 'Yes.Yes.', 'it twice');
  },

  /** Known bad: the network of a page was cut, and it asks again. */
  async 'stored-cut'(context) {
    const gate = mark();
    const chat = storedChat(context);
    const view = await chat.open({ id: chat.id });
    view.current.append({ role: 'user', content: `scenario: stall after=3 gate=${gate}` });
    await view.until(saysFirst, 'three words');
    view.wire.cut();
    await view.until((hook) => hook.error, 'the error', true);
    view.current.experimental_resume();
    await view.until((hook) => !hook.error, 'another try', true);
    await openGate(context.site, gate);
    await view.until((hook) => /word12/.test(textOf(hook.messages.at(-1))), 'the rest');
    assert.ok(textOf(view.current.messages.at(-1)).startsWith(`${FIRST}${FIRST} word3`));
  },
};
