// Chats that the server keeps (`kept_app`): opened, gone on with, and followed.
import assert from 'node:assert/strict';
import { mark } from '../wire.mjs';
import { callsOf, whenAnswered } from './calls.mjs';
import { answered, openChat, say, textOf } from './chat.mjs';

/** Without keys that are undefined, as JSON has it. */
const plain = (value) => JSON.parse(JSON.stringify(value));

/** Open the chat `name` as a page does that is loaded. */
async function openKept(context, name, options) {
  const path = `/kept/${name}/${mark()}`;
  const history = async () => (await fetch(context.site + path)).json();
  const { messages } = await history();
  const place = { ...context, url: context.site };
  const view = await openChat(place, { api: path, messages, ...options });
  // 5.0.0 takes a copy of the messages.
  assert.deepEqual(plain(view.current.messages), messages);
  return { view, history, again: (more) => openChat(place, { api: path, ...more }) };
}

/** Check that history, and a page that follows the last turn from its beginning, show the same. */
async function assertShownAlike({ view, history, again }, withoutReplies = (message) => message) {
  const { messages } = await history();
  assert.deepEqual(plain(view.current.messages), messages);
  const follower = await again({ messages: messages.slice(0, -1) });
  follower.current.resumeStream();
  await follower.until(answered, 'the whole message');
  const { parts } = plain(follower.current.messages.at(-1));
  assert.deepEqual(parts, plain(withoutReplies(messages.at(-1)).parts));
  assert.equal(follower.current.messages.at(-1).id, messages.at(-1).id);
}

export const kept = {
  async 'kept-history'(context) {
    const chat = await openKept(context, 'everything');
    await say(chat.view, 'Thanks!');
    assert.equal(textOf(chat.view.current.messages[3]), '1 added to 2, as stored');
    await assertShownAlike(chat);
  },

  async 'kept-regenerate'(context) {
    const { view } = await openKept(context, 'everything');
    view.current.regenerate();
    await view.until((hook) => answered(hook) && /added/.test(textOf(hook.messages[1])), 'another');
    assert.equal(textOf(view.current.messages[1]), '0 added to 1, as stored');
  },

  async 'kept-client-tool'(context) {
    const chat = await openKept(context, 'client-tool', whenAnswered(context));
    const { current } = chat.view;
    const answer = { tool: 'pick', toolCallId: 'c1', output: { picked: 2 } };
    (current.addToolOutput ?? current.addToolResult)(answer);
    await chat.view.until((hook) => textOf(hook.messages[1]) !== '' && answered(hook), 'the text');
    assert.equal((await chat.view.wire.quiet()).length, 1);
    assert.equal(textOf(chat.view.current.messages[1]), '1 added to 1, as stored');
    await assertShownAlike(chat);
  },

  async 'kept-approval'(context) {
    const chat = await openKept(context, 'approval', {
      sendAutomaticallyWhen: context.client.ai.lastAssistantMessageIsCompleteWithApprovalResponses,
    });
    chat.view.current.addToolApprovalResponse({ id: 'ask', approved: true });
    await chat.view.until((hook) => textOf(hook.messages[1]) !== '' && answered(hook), 'the text');
    assert.equal((await chat.view.wire.quiet()).length, 1);
    assert.equal(callsOf(chat.view.current.messages[1])[0].state, 'output-available');
    // Whoever follows is not asked again, so the reply is in the history only.
    await assertShownAlike(chat, (message) => ({
      parts: message.parts.map(({ approval, ...part }) => part),
    }));
  },
};
