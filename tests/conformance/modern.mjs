// Flows of AI SDK 5, 6 and 7: `useChat` over the UI message stream.
import assert from 'node:assert/strict';
import { mount } from './mount.mjs';

export const textOf = (message) =>
  (message?.parts ?? [])
    .filter((part) => part.type === 'text')
    .map((part) => part.text)
    .join('');
const answerOf = (chat) => {
  const last = chat.messages.at(-1);
  return last?.role === 'assistant' ? textOf(last) : '';
};

/** Mount `useChat` against the backend. */
export function chat(client, url, options = {}) {
  const { api = '/api/chat', ...rest } = options;
  const transport = new client.ai.DefaultChatTransport({ api: url + api });
  const { useChat } = client.hooks;
  return mount(() => useChat({ transport, ...rest }), answerOf);
}

const ready = (hook) => hook.status === 'ready' && hook.messages.at(-1)?.role === 'assistant';

export const flows = {
  async text(client, url) {
    const view = chat(client, url);
    await view.until((hook) => hook.status === 'ready', 'the hook');
    view.current.sendMessage({ text: 'scenario: text tokens=30 delay=0.02' });
    const { messages } = await view.until(ready, 'the answer');
    assert.ok(view.lengths.length > 8, `the text grew in ${view.lengths.length} steps only`);
    assert.equal(messages.length, 2);
    assert.ok(textOf(messages[1]).length > 30);
    assert.ok(messages[1].parts.every((part) => part.state !== 'streaming'));
    assert.match(messages[1].id, /^msg-/);
  },

  async multiTurn(client, url) {
    const view = chat(client, url);
    await view.until((hook) => hook.status === 'ready', 'the hook');
    view.current.sendMessage({ text: 'My first words' });
    await view.until(ready, 'the first answer');
    view.current.sendMessage({ text: 'What did I say first?' });
    const { messages } = await view.until((h) => ready(h) && h.messages.length === 4, 'the second');
    assert.match(textOf(messages[3]), /My first words/);
    assert.notEqual(messages[1].id, messages[3].id);
  },

  async metadata(client, url) {
    const view = chat(client, url);
    await view.until((hook) => hook.status === 'ready', 'the hook');
    view.current.sendMessage({ text: 'Hello' });
    const { messages } = await view.until(ready, 'the answer');
    assert.equal(messages[1].metadata.model, 'gpt-4o-mini');
    assert.ok(messages[1].metadata.usage.outputTokens > 0);
  },
};
