// Chats that the server keeps (`kept_app`): opened and gone on with.
import assert from 'node:assert/strict';
import { mark } from '../wire.mjs';
import { idle, invocationsOf, openChat, say, textOf } from './chat.mjs';

/** Open the chat `name` as a page does that is loaded. */
async function openKept(context, name, options) {
  const path = `/kept/${name}/${mark()}`;
  const response = await fetch(`${context.site}${path}?sdk=${context.client.name}`);
  const { messages: initialMessages } = await response.json();
  const place = { ...context, url: context.site };
  return openChat(place, { api: path, initialMessages, ...options });
}

export const kept = {
  async 'kept-history'(context) {
    const view = await openKept(context, 'everything');
    const [mine, answer] = view.current.messages;
    assert.equal(mine.experimental_attachments[0].name, 'a.png');
    assert.equal(textOf(answer), 'Let me see.Two.');
    assert.deepEqual(invocationsOf(view.current).map((call) => call.state), ['result', 'call']);
    await say(view, 'Thanks!');
    assert.equal(textOf(view.current.messages.at(-1)), '1 added to 2, as stored');
  },

  async 'kept-regenerate'(context) {
    const view = await openKept(context, 'everything');
    view.current.reload();
    await view.until((hook) => idle(hook) && /added/.test(textOf(hook.messages.at(-1))), 'another');
    assert.equal(textOf(view.current.messages.at(-1)), '0 added to 1, as stored');
  },

  async 'kept-client-tool'(context) {
    const view = await openKept(context, 'client-tool', { maxSteps: 4 });
    view.current.addToolResult({ toolCallId: 'c1', result: { picked: 2 } });
    await view.until((hook) => idle(hook) && textOf(hook.messages.at(-1)) !== '', 'the text');
    assert.equal((await view.wire.quiet()).length, 1);
    assert.equal(textOf(view.current.messages.at(-1)), '1 added to 1, as stored');
  },
};
