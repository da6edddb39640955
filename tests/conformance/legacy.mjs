// Flows of AI SDK 3.4 and 4: `useChat` over the data stream.
import assert from 'node:assert/strict';
import { mount } from './mount.mjs';

const answerOf = (chat) => {
  const last = chat.messages.at(-1);
  return last?.role === 'assistant' ? last.content : '';
};

/** Mount `useChat` against the backend. `onFinish` details are kept on the view. */
export function chat(client, url, options = {}) {
  const { api = '/api/chat', ...rest } = options;
  const finished = [];
  const onFinish = (message, details) => finished.push({ message, ...details });
  const { useChat } = client.hooks;
  const view = mount(() => useChat({ api: url + api, onFinish, ...rest }), answerOf);
  view.finished = finished;
  return view;
}

// AI SDK 3.4 has no status, only `isLoading`.
const idle = (hook) => (hook.status ? hook.status === 'ready' : !hook.isLoading);
const ready = (hook) => idle(hook) && hook.messages.at(-1)?.role === 'assistant';
const say = (view, content) => view.current.append({ role: 'user', content });

export const flows = {
  async text(client, url) {
    const view = chat(client, url);
    await view.until(idle, 'the hook');
    say(view, 'scenario: text tokens=30 delay=0.02');
    const { messages } = await view.until(ready, 'the answer');
    await view.until(() => view.finished.length === 1, 'onFinish');
    assert.ok(view.lengths.length > 8, `the text grew in ${view.lengths.length} steps only`);
    assert.equal(messages.length, 2);
    assert.ok(messages[1].content.length > 30);
    assert.equal(view.finished[0].finishReason, 'stop');
    assert.ok(view.finished[0].usage.completionTokens > 0);
    if (client.name === '4') assert.match(messages[1].id, /^msg-/);
  },

  async multiTurn(client, url) {
    const view = chat(client, url);
    await view.until(idle, 'the hook');
    say(view, 'My first words');
    await view.until(ready, 'the first answer');
    say(view, 'What did I say first?');
    const { messages } = await view.until((h) => ready(h) && h.messages.length === 4, 'the second');
    assert.match(messages[3].content, /My first words/);
  },

  async metadata(client, url) {
    const view = chat(client, url);
    await view.until(idle, 'the hook');
    say(view, 'Hello');
    const { messages } = await view.until(ready, 'the answer');
    const about = messages[1].annotations.find((annotation) => annotation.model);
    assert.equal(about.model, 'gpt-4o-mini');
  },
};
