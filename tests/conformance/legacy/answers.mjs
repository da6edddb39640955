// What the model says: text, reasoning, metadata.
import assert from 'node:assert/strict';
import { UNICODE, linesOf, mark, openGate, recordWire } from '../wire.mjs';
import { ask, idle, openChat, say, textOf } from './chat.mjs';

const WORDS = Array.from({ length: 30 }, (_, n) => `word${n}`).join(' ');
const codesOf = (wire) => linesOf(wire).map(([code]) => code).join('');

export const answers = {
  async text(context) {
    const view = await ask(context, 'scenario: text tokens=30 delay=0.05');
    const { messages } = view.current;
    assert.ok(view.lengths.length > 3, `the text grew in ${view.lengths.length} steps only`);
    assert.deepEqual(messages.map((message) => message.role), ['user', 'assistant']);
    assert.equal(textOf(messages[1]), WORDS);
    const [{ finishReason, usage }] = view.finished;
    assert.equal(finishReason, 'stop');
    assert.equal(usage.completionTokens, 30);
    assert.equal(usage.totalTokens, usage.promptTokens + 30);
    const [post, ...more] = await view.wire.quiet();
    assert.equal(more.length, 0);
    assert.ok(post.reads > 3, `the answer came in ${post.reads} reads only`);
    if (context.client.name === '4') {
      assert.match(messages[1].id, /^msg-/);
      assert.deepEqual(messages[1].parts.map((part) => part.type), ['step-start', 'text']);
      assert.match(codesOf(post.wire), /^f0+e8d$/);
    } else {
      assert.match(codesOf(post.wire), /^0+e8d$/);
    }
  },

  /** What the model has said is shown while the model has not even thought of the rest. */
  async arrival(context) {
    const gate = mark();
    const view = await openChat(context);
    view.current.append({ role: 'user', content: `scenario: stall after=3 gate=${gate}` });
    await view.until((hook) => textOf(hook.messages[1]) === 'word0 word1 word2', 'three words');
    assert.ok(!idle(view.current));
    await openGate(context.site, gate);
    await view.until((hook) => idle(hook) && view.finished.length === 1, 'the rest');
    assert.match(textOf(view.current.messages[1]), /^word0 .* word12$/);
  },

  /** The client's parser without the hook. */
  async 'raw-parser'({ client, url }) {
    const content = 'scenario: text tokens=30 delay=0.05';
    const message = { role: 'user', content };
    const wire = recordWire();
    const response = await wire.fetch(`${url}/api/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [message], sdk: client.name }),
    });
    const texts = [];
    const reads = new Set();
    const onTextPart = (text) => {
      texts.push(text);
      reads.add(wire.requests[0].reads);
    };
    let finish;
    if (client.name === '4') {
      await client.uiUtils.processDataStream({
        stream: response.body,
        onTextPart,
        onFinishMessagePart: (part) => (finish = part),
      });
    } else {
      const parts = client.uiUtils.readDataStream(response.body.getReader());
      for await (const { type, value } of parts) {
        if (type === 'text') onTextPart(value);
        if (type === 'finish_message') finish = value;
      }
    }
    assert.ok(reads.size > 3, `the text came in ${reads.size} reads only`);
    assert.equal(texts.join(''), WORDS);
    assert.equal(finish.finishReason, 'stop');
    assert.equal(finish.usage.completionTokens, 30);
  },

  async unicode(context) {
    const view = await ask(context, 'scenario: surrogate');
    assert.match(textOf(view.current.messages[1]), /^A pair: 😀, a half: [\ud83d\ufffd]\.$/u);
    const { messages } = await say(view, 'scenario: unicode');
    assert.equal(textOf(messages[3]), UNICODE);
  },

  async 'multi-turn'(context) {
    const view = await ask(context, 'My first words');
    const { messages } = await say(view, 'What did I say first?');
    assert.match(textOf(messages[1]), /My first words/);
    assert.match(textOf(messages[3]), /My first words/);
    assert.equal(new Set(messages.map((message) => message.id)).size, 4);
    const posts = await view.wire.quiet();
    assert.deepEqual(posts.map((post) => post.body.messages.length), [1, 3]);
  },

  async metadata(context) {
    const view = await ask(context, 'Hello');
    const [about] = view.current.messages[1].annotations;
    assert.equal(about.model, 'gpt-4o-mini');
    assert.ok(about.usage.outputTokens > 0);
    assert.ok(about.timeToFirstTokenMs <= about.durationMs);
  },

  async 'keep-alive'(context) {
    const view = await ask(context, 'scenario: stall after=3 seconds=0.6');
    const [post] = await view.wire.quiet();
    assert.match(post.wire, /\n\n/);
    assert.match(textOf(view.current.messages[1]), /^word0 word1 word2 word3/);
  },

  async reasoning(context) {
    const view = await ask(context, 'scenario: reasoning tokens=20 delay=0.05');
    const [, answer] = view.current.messages;
    assert.deepEqual(
      answer.parts.map((part) => part.type),
      ['step-start', 'reasoning', 'text'],
    );
    assert.match(answer.reasoning, /^word0 .* word19$/);
    const lengths = new Set(view.seen.map((message) => message.reasoning?.length));
    assert.ok(lengths.size > 3, `the reasoning grew in ${lengths.size} steps only`);
  },

  async 'text-protocol'(context) {
    const view = await ask(context, 'scenario: text tokens=30 delay=0.05', {
      streamProtocol: 'text',
      api: '/api/chat?protocol=text',
    });
    assert.ok(view.lengths.length > 3, `the text grew in ${view.lengths.length} steps only`);
    assert.equal(textOf(view.current.messages[1]), WORDS);
    const [post] = await view.wire.quiet();
    assert.equal(post.wire, WORDS);
  },

  /** Codes that came after 3.4 would end the answer, so what they say is left out. */
  async 'no-newer-lines'(context) {
    const view = await ask(context, 'scenario: reasoning tokens=5');
    assert.ok(textOf(view.current.messages[1]).length > 10);
    for (const api of ['/parts/reasoning-proof', '/parts/sources', '/parts/files']) {
      const played = await ask(context, 'Play.', { api });
      const [post] = await played.wire.quiet();
      assert.match(codesOf(post.wire), /^[0-9a-e]+$/);
      assert.ok(textOf(played.current.messages[1]).length > 3);
    }
    const [post] = await view.wire.quiet();
    assert.match(codesOf(post.wire), /^[0-9a-e]+$/);
  },
};
