// Tools: run by the server or by the client.
import assert from 'node:assert/strict';
import { askedOfModel, linesOf, mark } from '../wire.mjs';
import { ask, idle, invocationsOf, openChat, say, textOf } from './chat.mjs';

const PLACE = { latitude: 60.39, longitude: 5.32 };
// With this the hook posts on its own when every call of the last answer has a result.
const REPOSTS = { maxSteps: 4 };

/** Return all that the assistant has said. */
const toldBy = (hook) =>
  hook.messages
    .filter((message) => message.role === 'assistant')
    .map(textOf)
    .join('');

/**
 * Check that `count` POSTs made one answer of two steps, and that the client rests.
 *
 * AI SDK 3.4 shows each step as a message of its own.
 */
async function assertOneAnswer(context, view, count) {
  const posts = await view.wire.quiet();
  assert.equal(posts.length, count, `${posts.length} POSTs`);
  const roles = view.current.messages.map((message) => message.role);
  const answers = context.client.name === '4' ? ['assistant'] : ['assistant', 'assistant'];
  assert.deepEqual(roles, ['user', ...answers]);
  if (context.client.name === '4') {
    const [, answer] = view.current.messages;
    assert.equal(answer.parts.filter((part) => part.type === 'step-start').length, 2);
    // The client keeps the id of the first answer, whatever a continuation says.
    const [, { messageId }] = linesOf(posts[0].wire).find(([code]) => code === 'f');
    assert.equal(answer.id, messageId);
  }
  assert.ok(textOf(view.current.messages.at(-1)).length > 0, 'the answer has no text');
}

export const tools = {
  async 'server-tool'(context) {
    const view = await ask(context, 'What is the weather in Oslo?', REPOSTS);
    await assertOneAnswer(context, view, 1);
    const [call, ...more] = invocationsOf(view.current);
    assert.equal(more.length, 0);
    assert.equal(call.toolName, 'get_weather');
    assert.equal(call.state, 'result');
    assert.deepEqual(call.args, { city: 'Oslo' });
    assert.equal(call.result.city, 'Oslo');
    await say(view, 'Thanks!');
    assert.equal((await view.wire.quiet()).length, 2);
  },

  async 'parallel-tools'(context) {
    const view = await ask(context, 'What is the weather in Oslo and Paris?', REPOSTS);
    await assertOneAnswer(context, view, 1);
    const calls = invocationsOf(view.current);
    assert.deepEqual(calls.map((call) => call.result.city), ['Oslo', 'Paris']);
    assert.equal(new Set(calls.map((call) => call.toolCallId)).size, 2);
  },

  /** A page that a tool quotes may hold keys that newer clients refuse. */
  async 'forbidden-keys'(context) {
    const marker = mark();
    const page = `{"__proto__": {"a": 1}, "b": [{"constructor": {"prototype": 1}}], "c": "${marker}"}`;
    const view = await ask(
      context,
      `scenario: call tool=quote arguments='{"page": ${page}}' delay=0.01`,
      REPOSTS,
    );
    await assertOneAnswer(context, view, 1);
    const [call] = invocationsOf(view.current);
    assert.equal(call.state, 'result');
    for (const shown of [call.args.page, call.result.page]) {
      assert.deepEqual(Object.keys(shown), ['$__proto__', 'b', 'c']);
      assert.deepEqual(shown.b, [{ $constructor: { prototype: 1 } }]);
    }
    // The model gets the keys as they were, in this turn and in the next.
    await say(view, 'Thanks!');
    for (const { answers } of (await askedOfModel(context.site, marker)).slice(-2)) {
      assert.match(answers[0].text, /"__proto__":\{"a":1\}/);
      assert.doesNotMatch(answers[0].text, /\$/);
    }
  },

  async 'streamed-input'(context) {
    const city = 'Llanfair pwll gwyn gyll goger ych wyrn drob wll llan tysilio';
    const args = JSON.stringify({ city });
    const view = await ask(
      context,
      `scenario: call tool=get_weather arguments='${args}' delay=0.05`,
    );
    const partial = view.seen
      .flatMap((message) => message.toolInvocations ?? [])
      .filter((call) => call.state === 'partial-call');
    const lengths = new Set(partial.map((call) => call.args?.city?.length));
    assert.ok(lengths.size > 3, `the input grew in ${lengths.size} steps only`);
    const [call] = invocationsOf(view.current);
    assert.equal(call.state, 'result');
    assert.equal(call.result.city, city);
  },

  async 'tool-error'(context) {
    const view = await ask(context, 'scenario: call tool=fail', REPOSTS);
    await assertOneAnswer(context, view, 1);
    const [call] = invocationsOf(view.current);
    assert.deepEqual(call.result, { error: 'An error occurred.' });
    const [post] = await view.wire.quiet();
    assert.doesNotMatch(post.wire, /secret/);
  },

  async 'tool-error-for-user'(context) {
    const view = await ask(context, 'scenario: call tool=decline', REPOSTS);
    await assertOneAnswer(context, view, 1);
    const [call] = invocationsOf(view.current);
    assert.deepEqual(call.result, { error: 'The shop is closed.' });
  },

  async 'invalid-arguments'(context) {
    for (const kind of ['type', 'json']) {
      const view = await ask(
        context,
        `scenario: bad-arguments tool=get_weather kind=${kind}`,
        REPOSTS,
      );
      const [broken, repaired, ...more] = invocationsOf(view.current);
      assert.equal(more.length, 0);
      assert.ok(broken.result.error.length > 0);
      assert.ok(repaired.result.city.length > 0);
      assert.ok(textOf(view.current.messages.at(-1)).length > 0);
      assert.equal((await view.wire.quiet()).length, 1);
      await say(view, 'Thanks!');
    }
  },

  async 'unknown-tool'(context) {
    const view = await ask(context, 'scenario: unknown-tool', REPOSTS);
    await assertOneAnswer(context, view, 1);
    const [call] = invocationsOf(view.current);
    assert.equal(call.state, 'result');
    assert.ok(call.result.error.length > 0);
    await say(view, 'Thanks!');
  },

  /** Answered by what `onToolCall` returns, while the answer still streams. */
  async 'client-tool'(context) {
    const onToolCall = ({ toolCall }) => (toolCall.toolName === 'get_location' ? PLACE : undefined);
    const view = await openChat(context, { ...REPOSTS, onToolCall });
    view.current.append({ role: 'user', content: 'Where am I?' });
    await view.until((hook) => idle(hook) && /60\.39/.test(toldBy(hook)), 'the text');
    await assertOneAnswer(context, view, 2);
    const [call, ...more] = invocationsOf(view.current);
    assert.equal(more.length, 0);
    assert.deepEqual(call.result, PLACE);
  },

  /** Two calls, answered by a click each after the answer has ended. */
  async 'client-tools-later'(context) {
    const view = await openChat(context, REPOSTS);
    await say(view, 'scenario: call tool=get_location count=2');
    const [first, second] = invocationsOf(view.current);
    assert.deepEqual([first.state, second.state], ['call', 'call']);
    view.current.addToolResult({ toolCallId: first.toolCallId, result: PLACE });
    await view.until((hook) => invocationsOf(hook)[0].result !== undefined, 'the first result');
    assert.equal((await view.wire.quiet()).length, 1);
    const there = { latitude: 59.91, longitude: 10.75 };
    view.current.addToolResult({ toolCallId: second.toolCallId, result: there });
    await view.until((hook) => idle(hook) && /60\.39[^]*59\.91/.test(toldBy(hook)), 'the text');
    await assertOneAnswer(context, view, 2);
  },

  /** These majors cannot ask their user; the model is told that they cannot. */
  async 'approval-refused'(context) {
    const view = await ask(context, 'Send an e-mail to ada@example.com about lunch', REPOSTS);
    await assertOneAnswer(context, view, 1);
    const [call] = invocationsOf(view.current);
    assert.match(call.result.error, /approv/i);
  },

  async status(context) {
    const marker = mark();
    const view = await ask(context, `What is the weather in ${marker}?`, REPOSTS);
    await assertOneAnswer(context, view, 1);
    const [call] = invocationsOf(view.current);
    const { annotations } = view.current.messages.findLast((message) => message.toolInvocations);
    assert.deepEqual(
      annotations.filter((annotation) => annotation.type === 'status'),
      ['Looking up', 'Reading the thermometer in'].map((start) => ({
        type: 'status',
        message: `${start} ${marker}`,
        toolCallId: call.toolCallId,
      })),
    );
    await say(view, 'Thanks!');
    const asked = (await askedOfModel(context.site, marker)).at(-1);
    assert.doesNotMatch(JSON.stringify(asked.body), /Reading the thermometer/);
  },

  async 'max-steps'(context) {
    // The limit would be none if the client posted the answered calls again.
    const view = await ask(context, 'scenario: loop tool=get_weather', REPOSTS);
    const calls = invocationsOf(view.current);
    assert.deepEqual(calls.map((call) => call.state), ['result', 'result', 'result']);
    assert.equal((await view.wire.quiet()).length, 1);
    assert.equal(view.finished[0].finishReason, 'tool-calls');
    await say(view, 'Hello');
  },

  /** The calls are answered when the error comes, which is no reason to post them. */
  async 'error-after-tool'(context) {
    const view = await openChat(context, { ...REPOSTS, api: '/parts/error-after-tool' });
    view.current.append({ role: 'user', content: 'Play.' });
    await view.until((hook) => hook.error, 'the error');
    assert.equal((await view.wire.quiet()).length, 1);
    assert.equal(view.current.error.message, 'The model is gone.');
  },

  async 'abort-after-tool'(context) {
    const view = await ask(context, 'Play.', { ...REPOSTS, api: '/parts/abort-after-tool' });
    assert.equal((await view.wire.quiet()).length, 1);
    assert.equal(invocationsOf(view.current)[0].state, 'result');
  },
};
