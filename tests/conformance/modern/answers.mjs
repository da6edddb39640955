// What the model says: text, reasoning, metadata.
import assert from 'node:assert/strict';
import { UNICODE, chunksOf, mark, openGate, recordWire } from '../wire.mjs';
import { answered, ask, kindsOf, openChat, say, textOf } from './chat.mjs';

const WORDS = Array.from({ length: 30 }, (_, n) => `word${n}`).join(' ');

export const answers = {
  async text(context) {
    const view = await ask(context, 'scenario: text tokens=30 delay=0.05');
    const { messages } = view.current;
    assert.ok(view.lengths.length > 3, `the text grew in ${view.lengths.length} steps only`);
    assert.deepEqual(messages.map((message) => message.role), ['user', 'assistant']);
    assert.deepEqual(kindsOf(messages[1]), ['step-start', 'text']);
    assert.equal(textOf(messages[1]), WORDS);
    assert.equal(messages[1].parts[1].state, 'done');
    assert.match(messages[1].id, /^msg-/);
    const [post, ...more] = await view.wire.quiet();
    assert.equal(more.length, 0);
    assert.ok(post.reads > 3, `the answer came in ${post.reads} reads only`);
    assert.match(post.wire, /data: \[DONE\]\n\n$/);
    const kinds = chunksOf(post.wire).map((chunk) => chunk.type);
    const deltas = kinds.filter((kind) => kind === 'text-delta');
    const inOrder = ['start', 'start-step', 'text-start', ...deltas];
    assert.deepEqual(kinds, [...inOrder, 'text-end', 'finish-step', 'finish']);
  },

  /** What the model has said is shown while the model has not even thought of the rest. */
  async arrival(context) {
    const gate = mark();
    const view = await openChat(context);
    view.current.sendMessage({ text: `scenario: stall after=3 gate=${gate}` });
    await view.until((hook) => textOf(hook.messages[1]) === 'word0 word1 word2', 'three words');
    assert.equal(view.current.status, 'streaming');
    assert.equal(view.current.messages[1].parts.at(-1).state, 'streaming');
    await openGate(context.site, gate);
    await view.until(answered, 'the rest');
    assert.match(textOf(view.current.messages[1]), /^word0 .* word12$/);
  },

  /** The client's transport and parser without the hook. */
  async 'raw-parser'({ client, url }) {
    const { DefaultChatTransport, readUIMessageStream } = client.ai;
    const wire = recordWire();
    const transport = new DefaultChatTransport({
      api: `${url}/api/chat`,
      body: client.body,
      fetch: wire.fetch,
    });
    const text = 'scenario: text tokens=30 delay=0.05';
    const stream = await transport.sendMessages({
      chatId: 'raw',
      messages: [{ id: 'u1', role: 'user', parts: [{ type: 'text', text }] }],
      trigger: 'submit-message',
      messageId: undefined,
      abortSignal: undefined,
    });
    let last;
    const errors = [];
    const onError = (error) => errors.push(error);
    const lengthsByRead = new Map();
    for await (last of readUIMessageStream({ stream, onError, terminateOnError: true })) {
      lengthsByRead.set(wire.requests[0].reads, textOf(last).length);
    }
    assert.deepEqual(errors, []);
    const lengths = new Set(lengthsByRead.values());
    assert.ok(lengths.size > 3, `the text grew in ${lengths.size} reads only`);
    assert.equal(textOf(last), WORDS);
    assert.equal(last.metadata.model, 'gpt-4o-mini');
  },

  async unicode(context) {
    const view = await ask(context, 'scenario: surrogate');
    // Half a pair that never finds its other half becomes U+FFFD when JSON is read as UTF-8.
    assert.match(textOf(view.current.messages[1]), /^A pair: 😀, a half: [\ud83d\ufffd]\.$/u);
    await say(view, 'scenario: unicode');
    assert.equal(textOf(view.current.messages[3]), UNICODE);
  },

  async 'multi-turn'(context) {
    const view = await ask(context, 'My first words');
    const { messages } = await say(view, 'What did I say first?');
    assert.match(textOf(messages[3]), /My first words/);
    assert.match(textOf(messages[1]), /My first words/);
    assert.equal(new Set(messages.map((message) => message.id)).size, 4);
    const posts = await view.wire.quiet();
    assert.deepEqual(posts.map((post) => post.body.messages.length), [1, 3]);
  },

  async metadata(context) {
    const view = await ask(context, 'Hello');
    const { model, usage, timeToFirstTokenMs, durationMs } = view.current.messages[1].metadata;
    assert.equal(model, 'gpt-4o-mini');
    assert.ok(usage.inputTokens > 0);
    assert.ok(usage.outputTokens > 0);
    assert.equal(usage.totalTokens, usage.inputTokens + usage.outputTokens);
    assert.ok(timeToFirstTokenMs <= durationMs);
  },

  async 'keep-alive'(context) {
    const view = await ask(context, 'scenario: stall after=3 seconds=0.6');
    const [post] = await view.wire.quiet();
    assert.match(post.wire, /^: ping$/m);
    assert.match(textOf(view.current.messages[1]), /^word0 word1 word2 word3/);
  },

  async reasoning(context) {
    const view = await ask(context, 'scenario: reasoning tokens=20 delay=0.05');
    const [, answer] = view.current.messages;
    assert.deepEqual(kindsOf(answer), ['step-start', 'reasoning', 'text']);
    const [, reasoning, text] = answer.parts;
    assert.match(reasoning.text, /^word0 .* word19$/);
    assert.deepEqual([reasoning.state, text.state], ['done', 'done']);
    const lengths = new Set(view.seen.map((message) => message.parts[1]?.text?.length));
    assert.ok(lengths.size > 3, `the reasoning grew in ${lengths.size} steps only`);
  },

  async 'text-protocol'(context) {
    const view = await ask(context, 'scenario: text tokens=30 delay=0.05', {
      transport: 'TextStreamChatTransport',
      api: '/api/chat?protocol=text',
      body: { sdk: undefined },
    });
    assert.ok(view.lengths.length > 3, `the text grew in ${view.lengths.length} steps only`);
    assert.equal(textOf(view.current.messages[1]), WORDS);
    const [post] = await view.wire.quiet();
    assert.equal(post.wire, WORDS);
  },
};
