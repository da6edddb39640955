// What the user sends and does: files, reload, edit, stop, resume; what goes wrong.
import assert from 'node:assert/strict';
import { FILES } from '../files.mjs';
import { askedOfModel, mark } from '../wire.mjs';
import { ask, idle, openChat, say, textOf } from './chat.mjs';

export const actions = {
  async 'files-in'(context) {
    const marker = mark();
    const view = await openChat(context);
    const { messages } = await say(view, `What is this, ${marker}?`, {
      experimental_attachments: FILES.map(({ name, mediaType, url }) => ({
        name,
        contentType: mediaType,
        url,
      })),
    });
    const [asked] = await askedOfModel(context.site, marker);
    assert.deepEqual(asked.images, [FILES[0].url]);
    assert.deepEqual(asked.files, [FILES[1].url]);
    assert.match(JSON.stringify(asked.body), /Plain notes/);
    assert.match(textOf(messages[1]), /I received \*\*\d files?\*\*/);
  },

  async regenerate(context) {
    const view = await ask(context, 'Hello');
    const [, first] = view.current.messages;
    view.current.reload();
    const { messages } = await view.until(
      (hook) => idle(hook) && view.finished.length === 2,
      'another answer',
    );
    assert.equal(messages.length, 2);
    assert.notEqual(messages[1].id, first.id);
    assert.ok(textOf(messages[1]).length > 0);
    const [, second] = await view.wire.quiet();
    assert.equal(second.body.messages.length, 1);
  },

  async edit(context) {
    const view = await ask(context, 'My first words');
    await say(view, 'And some more');
    // These majors have no word for it: the application cuts the history and asks again.
    view.current.setMessages([]);
    await view.until((hook) => hook.messages.length === 0, 'the cut');
    const { messages } = await say(view, 'My better words');
    assert.equal(messages.length, 2);
    assert.match(textOf(messages[1]), /My better words/);
    const [, , third] = await view.wire.quiet();
    assert.equal(third.body.messages.length, 1);
  },

  async stop(context) {
    const view = await openChat(context);
    view.current.append({ role: 'user', content: 'scenario: stall after=3 seconds=30' });
    await view.until((hook) => textOf(hook.messages[1]) === 'word0 word1 word2', 'three words');
    view.current.stop();
    await view.until(idle, 'the end');
    assert.equal(view.current.error, undefined);
    const left = await fetch(`${context.site}/model/left`);
    assert.equal(left.status, 200);
    const { messages } = await say(view, 'What did I say last?');
    assert.match(textOf(messages[3]), /stall after=3/);
    assert.equal(textOf(messages[1]), 'word0 word1 word2');
  },

  async 'resume-nothing'(context) {
    const view = await openChat(context, { id: 'chat-to-resume' });
    view.current.experimental_resume();
    const asked = () => view.wire.requests.find((request) => request.method === 'GET');
    await view.until((hook) => asked()?.status !== undefined && idle(hook), 'the request');
    assert.match(asked().url, /\/api\/chat\?chatId=chat-to-resume$/);
    assert.equal(asked().status, 200);
    assert.equal(view.current.error, undefined);
    assert.deepEqual(view.current.messages, []);
    await say(view, 'Hello');
  },

  async 'error-before'(context) {
    const view = await openChat(context);
    view.current.append({ role: 'user', content: 'scenario: error status=400' });
    const { error } = await view.until((hook) => hook.error, 'the error');
    const { success, error: sentence } = JSON.parse(error.message);
    assert.equal(success, false);
    assert.match(sentence, /conversation|context|long/i);
    const [post, ...more] = await view.wire.quiet();
    assert.equal(post.status, 400);
    assert.equal(more.length, 0);
  },

  async limited(context) {
    const view = await openChat(context, { api: `/limited/api/chat?as=${mark()}` });
    await say(view, 'Hello');
    view.current.append({ role: 'user', content: 'Hello again' });
    const { error } = await view.until((hook) => hook.error, 'the refusal');
    const { success, error: sentence, retryAfter } = JSON.parse(error.message);
    assert.equal(success, false);
    assert.match(sentence, /^You may send 1 message a minute; please try again in \d+ seconds?\.$/);
    assert.ok(sentence.includes(` ${retryAfter} second`), sentence);
    const [, refused, ...more] = await view.wire.quiet();
    assert.equal(refused.status, 429);
    assert.equal(more.length, 0);
  },

  async 'error-during'(context) {
    const view = await openChat(context);
    const content = 'scenario: error-inside after=5 delay=0.01';
    view.current.append({ role: 'user', content });
    const { error, messages } = await view.until((hook) => hook.error, 'the error');
    assert.match(error.message, /^[A-Z].*\.$/);
    assert.equal(textOf(messages[1]), 'word0 word1 word2 word3 word4');
    const posts = await view.wire.quiet();
    assert.deepEqual(posts.map((post) => post.status), [200]);
  },

  async 'unfinished-call'(context) {
    const marker = mark();
    const call = { toolCallId: 'call-1', toolName: 'get_location', args: { [marker]: 1 } };
    const half = { toolCallId: 'call-2', toolName: 'get_location', args: { half: 1 }, step: 0 };
    const toolInvocations = [
      { ...call, state: 'call', step: 0 },
      { ...half, state: 'partial-call' },
    ];
    const initialMessages = [
      { id: 'u1', role: 'user', content: 'Where am I?' },
      { id: 'a1', role: 'assistant', content: '', toolInvocations },
    ];
    const view = await ask(context, 'Never mind.', { initialMessages });
    assert.match(textOf(view.current.messages[3]), /Never mind/);
    const [asked] = await askedOfModel(context.site, marker);
    assert.deepEqual(asked.calls, ['call-1']);
    assert.deepEqual(asked.answers.map((answer) => answer.id), ['call-1']);
  },
};
