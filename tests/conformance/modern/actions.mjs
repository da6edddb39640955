// What the user sends and does: files, regenerate, edit, stop, resume; what goes wrong.
import assert from 'node:assert/strict';
import { askedOfModel, mark } from '../wire.mjs';
import { FILES } from '../files.mjs';
import { answered, ask, openChat, say, textOf } from './chat.mjs';

export const actions = {
  async 'files-in'(context) {
    const marker = mark();
    const view = await openChat(context);
    const files = FILES.map(({ name, mediaType, url }) => ({
      type: 'file',
      filename: name,
      mediaType,
      url,
    }));
    await say(view, { text: `What is this, ${marker}?`, files });
    const [asked] = await askedOfModel(context.site, marker);
    assert.deepEqual(asked.images, [FILES[0].url]);
    assert.deepEqual(asked.files, [FILES[1].url]);
    assert.match(JSON.stringify(asked.body), /Plain notes/);
    assert.match(textOf(view.current.messages[1]), /I received \*\*\d files?\*\*/);
  },

  async regenerate(context) {
    const view = await ask(context, 'Hello');
    const [, first] = view.current.messages;
    view.current.regenerate();
    const { messages } = await view.until(
      (hook) => answered(hook) && hook.messages[1].id !== first.id,
      'another answer',
    );
    assert.equal(messages.length, 2);
    const [, second] = await view.wire.quiet();
    assert.equal(second.body.trigger, 'regenerate-message');
    assert.equal(second.body.messages.length, 1);
  },

  async edit(context) {
    const view = await ask(context, 'My first words');
    await say(view, 'And some more');
    const [question] = view.current.messages;
    view.current.sendMessage({ text: 'My better words', messageId: question.id });
    const { messages } = await view.until(
      (hook) => answered(hook) && hook.messages.length === 2,
      'the answer to the edit',
    );
    assert.match(textOf(messages[1]), /My better words/);
    const [, , third] = await view.wire.quiet();
    assert.equal(third.body.messageId, question.id);
    assert.equal(third.body.messages.length, 1);
  },

  async stop(context) {
    const view = await openChat(context);
    view.current.sendMessage({ text: 'scenario: stall after=3 seconds=30' });
    await view.until((hook) => textOf(hook.messages[1]) === 'word0 word1 word2', 'three words');
    await view.current.stop();
    await view.until((hook) => hook.status === 'ready', 'the end');
    assert.equal(view.current.error, undefined);
    const left = await fetch(`${context.site}/model/left`);
    assert.equal(left.status, 200);
    // The reply that was cut off is part of the history, and the chat goes on.
    const { messages } = await say(view, 'What did I say last?');
    assert.match(textOf(messages[3]), /stall after=3/);
    assert.equal(textOf(messages[1]), 'word0 word1 word2');
  },

  async 'resume-nothing'(context) {
    const view = await openChat(context, { id: 'chat-to-resume', resume: true });
    const asked = () => view.wire.requests.find((request) => request.method === 'GET');
    await view.until(() => asked()?.status !== undefined, 'the request');
    await view.wire.quiet();
    assert.match(asked().url, /\/api\/chat\/chat-to-resume\/stream$/);
    assert.equal(asked().status, 204);
    assert.equal(view.current.error, undefined);
    assert.deepEqual(view.current.messages, []);
    // 5.0.0 forgets to become ready again, which stops nobody from writing.
    if (context.client.name !== '5.0.0') assert.equal(view.current.status, 'ready');
    await say(view, 'Hello');
  },

  async 'error-before'(context) {
    const view = await openChat(context);
    view.current.sendMessage({ text: 'scenario: error status=400' });
    const { error, messages } = await view.until((hook) => hook.status === 'error', 'the error');
    const { success, error: sentence } = JSON.parse(error.message);
    assert.equal(success, false);
    assert.match(sentence, /conversation|context|long/i);
    assert.equal(messages.length, 1);
    const [post, ...more] = await view.wire.quiet();
    assert.equal(post.status, 400);
    assert.equal(more.length, 0);
  },

  async limited(context) {
    const view = await openChat(context, { api: `/limited/api/chat?as=${mark()}` });
    await say(view, 'Hello');
    view.current.sendMessage({ text: 'Hello again' });
    const { error, messages } = await view.until((hook) => hook.status === 'error', 'the refusal');
    const { success, error: sentence, retryAfter } = JSON.parse(error.message);
    assert.equal(success, false);
    assert.match(sentence, /^You may send 1 message a minute; please try again in \d+ seconds?\.$/);
    assert.ok(sentence.includes(` ${retryAfter} second`), sentence);
    // So that the user can send it again.
    assert.equal(textOf(messages.at(-1)), 'Hello again');
    const [, refused, ...more] = await view.wire.quiet();
    assert.equal(refused.status, 429);
    assert.equal(more.length, 0);
  },

  async 'error-during'(context) {
    const view = await openChat(context);
    view.current.sendMessage({ text: 'scenario: error-inside after=5 delay=0.01' });
    const { error, messages } = await view.until((hook) => hook.status === 'error', 'the error');
    assert.match(error.message, /^[A-Z].*\.$/);
    assert.equal(textOf(messages[1]), 'word0 word1 word2 word3 word4');
    assert.equal(messages[1].parts.at(-1).state, 'done');
    const posts = await view.wire.quiet();
    assert.deepEqual(posts.map((post) => post.status), [200]);
  },

  async 'unfinished-call'(context) {
    const marker = mark();
    const call = { type: 'tool-get_location', toolCallId: 'call-1', input: { [marker]: 1 } };
    const messages = [
      { id: 'u1', role: 'user', parts: [{ type: 'text', text: 'Where am I?' }] },
      {
        id: 'a1',
        role: 'assistant',
        parts: [
          { type: 'step-start' },
          { ...call, state: 'input-available' },
          { ...call, toolCallId: 'call-2', state: 'input-streaming', input: { half: 1 } },
        ],
      },
    ];
    const view = await ask(context, 'Never mind.', { messages });
    assert.match(textOf(view.current.messages[3]), /Never mind/);
    const [asked] = await askedOfModel(context.site, marker);
    assert.deepEqual(asked.calls, ['call-1']);
    assert.deepEqual(asked.answers.map((answer) => answer.id), ['call-1']);
  },
};
