// Tools: run by the server or by the client.
import assert from 'node:assert/strict';
import { askedOfModel, chunksOf, mark } from '../wire.mjs';
import { assertOneAnswer, callsOf, statesOf, told, whenAnswered } from './calls.mjs';
import { answered, ask, openChat, say, textOf } from './chat.mjs';

const PLACE = { latitude: 60.39, longitude: 5.32 };

/** Answer a call as the application does. 5.0.0 has only the older name. */
const answer = (view, call, output) =>
  (view.current.addToolOutput ?? view.current.addToolResult)({
    tool: call.type.slice('tool-'.length),
    toolCallId: call.toolCallId,
    ...output,
  });

export const tools = {
  async 'server-tool'(context) {
    const view = await ask(context, 'What is the weather in Oslo?', whenAnswered(context));
    await assertOneAnswer(view, 1);
    const [call] = callsOf(view.current.messages[1]);
    assert.equal(call.type, 'tool-get_weather');
    assert.equal(call.state, 'output-available');
    assert.deepEqual(call.input, { city: 'Oslo' });
    assert.equal(call.output.city, 'Oslo');
    assert.match(textOf(view.current.messages[1]), /Oslo/);
    // The next question takes the whole answer along.
    await say(view, 'Thanks!');
    assert.equal((await view.wire.quiet()).length, 2);
  },

  async 'parallel-tools'(context) {
    const question = 'What is the weather in Oslo and Paris?';
    const view = await ask(context, question, whenAnswered(context));
    await assertOneAnswer(view, 1);
    const calls = callsOf(view.current.messages[1]);
    assert.deepEqual(calls.map((call) => call.output.city), ['Oslo', 'Paris']);
    assert.equal(new Set(calls.map((call) => call.toolCallId)).size, 2);
    const [post] = await view.wire.quiet();
    const kinds = chunksOf(post.wire).map((chunk) => chunk.type);
    assert.ok(
      kinds.lastIndexOf('tool-input-available') < kinds.indexOf('tool-output-available'),
      'the calls ran one after the other',
    );
  },

  /** A page that a tool quotes may hold keys that the client refuses. */
  async 'forbidden-keys'(context) {
    const marker = mark();
    const page = `{"__proto__": {"a": 1}, "b": [{"constructor": {"prototype": 1}}], "c": "${marker}"}`;
    const view = await ask(
      context,
      `scenario: call tool=quote arguments='{"page": ${page}}' delay=0.01`,
      whenAnswered(context),
    );
    await assertOneAnswer(view, 1);
    const [call] = callsOf(view.current.messages[1]);
    assert.equal(call.state, 'output-available');
    for (const shown of [call.input.page, call.output.page]) {
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
    const seen = view.seen.flatMap(callsOf).filter((call) => call.state === 'input-streaming');
    const lengths = new Set(seen.map((call) => call.input?.city?.length));
    assert.ok(lengths.size > 3, `the input grew in ${lengths.size} steps only`);
    const [call] = callsOf(view.current.messages[1]);
    assert.equal(call.state, 'output-available');
    assert.equal(call.output.city, city);
  },

  async 'tool-error'(context) {
    const view = await ask(context, 'scenario: call tool=fail', whenAnswered(context));
    await assertOneAnswer(view, 1);
    const [call] = callsOf(view.current.messages[1]);
    assert.equal(call.state, 'output-error');
    assert.equal(call.errorText, 'An error occurred.');
    const [post] = await view.wire.quiet();
    assert.doesNotMatch(post.wire, /secret/);
  },

  async 'tool-error-for-user'(context) {
    const view = await ask(context, 'scenario: call tool=decline', whenAnswered(context));
    await assertOneAnswer(view, 1);
    const [call] = callsOf(view.current.messages[1]);
    assert.equal(call.state, 'output-error');
    assert.equal(call.errorText, 'The shop is closed.');
  },

  async 'invalid-arguments'(context) {
    for (const kind of ['type', 'json']) {
      const view = await ask(
        context,
        `scenario: bad-arguments tool=get_weather kind=${kind}`,
        whenAnswered(context),
      );
      const [, repaired] = view.current.messages;
      assert.deepEqual(statesOf(repaired), ['output-error', 'output-available']);
      assert.ok(textOf(repaired).length > 0);
      assert.equal((await view.wire.quiet()).length, 1);
      await say(view, 'Thanks!');
    }
  },

  async 'unknown-tool'(context) {
    const view = await ask(context, 'scenario: unknown-tool', whenAnswered(context));
    await assertOneAnswer(view, 1);
    assert.deepEqual(statesOf(view.current.messages[1]), ['output-error']);
    await say(view, 'Thanks!');
  },

  /** Answered from `onToolCall`, while the answer still streams. */
  async 'client-tool'(context) {
    const view = await openChat(context, {
      ...whenAnswered(context),
      onToolCall: ({ toolCall }) => {
        // Not awaited: the hook takes the output only after this has returned.
        answer(view, { ...toolCall, type: `tool-${toolCall.toolName}` }, { output: PLACE });
      },
    });
    view.current.sendMessage({ text: 'Where am I?' });
    await told(view);
    await assertOneAnswer(view, 2);
    const [call] = callsOf(view.current.messages[1]);
    assert.equal(call.state, 'output-available');
    assert.match(textOf(view.current.messages[1]), /60\.39/);
  },

  /** Two calls, answered by a click each after the answer has ended. */
  async 'client-tools-later'(context) {
    const view = await openChat(context, whenAnswered(context));
    view.current.sendMessage({ text: 'scenario: call tool=get_location count=2' });
    await view.until(answered, 'the calls');
    const [first, second] = callsOf(view.current.messages[1]);
    assert.deepEqual([first.state, second.state], ['input-available', 'input-available']);
    answer(view, first, { output: PLACE });
    assert.equal((await view.wire.quiet()).length, 1);
    answer(view, second, { output: { latitude: 59.91, longitude: 10.75 } });
    await told(view);
    await assertOneAnswer(view, 2);
    assert.match(textOf(view.current.messages[1]), /60\.39[^]*59\.91/);
  },

  async 'client-tool-error'(context) {
    const view = await openChat(context, whenAnswered(context));
    view.current.sendMessage({ text: 'Where am I?' });
    await view.until(answered, 'the call');
    const [call] = callsOf(view.current.messages[1]);
    answer(view, call, { state: 'output-error', errorText: 'The user said no.' });
    await told(view);
    await assertOneAnswer(view, 2);
    assert.match(textOf(view.current.messages[1]), /The user said no/);
  },

  async preliminary(context) {
    const view = await ask(context, 'scenario: call tool=count_up', whenAnswered(context));
    await assertOneAnswer(view, 1);
    const seen = view.seen.flatMap(callsOf).filter((call) => call.preliminary);
    assert.ok(new Set(seen.map((call) => call.output.count)).size > 1, 'none was shown');
    const [post] = await view.wire.quiet();
    const outputs = chunksOf(post.wire).filter(({ type }) => type === 'tool-output-available');
    assert.deepEqual(
      outputs.map((chunk) => [chunk.output.count, chunk.preliminary ?? false]),
      [
        [1, true],
        [2, true],
        [3, true],
        [3, false],
      ],
    );
    const [call] = callsOf(view.current.messages[1]);
    assert.deepEqual(call.output, { count: 3 });
    assert.equal(call.preliminary ?? false, false);
  },

  async status(context) {
    const marker = mark();
    const view = await ask(context, `What is the weather in ${marker}?`, whenAnswered(context));
    await assertOneAnswer(view, 1);
    const statuses = (message) => message.parts.filter((part) => part.type === 'data-status');
    const seen = view.seen.flatMap(statuses).map(({ data }) => `${data.state} ${data.message}`);
    assert.deepEqual(
      [...new Set(seen)],
      [
        `running Looking up ${marker}`,
        `running Reading the thermometer in ${marker}`,
        'done undefined',
      ],
    );
    const [status, ...more] = statuses(view.current.messages[1]);
    assert.equal(more.length, 0);
    const [call] = callsOf(view.current.messages[1]);
    assert.equal(status.id, call.toolCallId);
    // The part comes back in the history, and is not for the model.
    await say(view, 'Thanks!');
    const [, second] = await view.wire.quiet();
    assert.match(JSON.stringify(second.body), /data-status/);
    const asked = (await askedOfModel(context.site, marker)).at(-1);
    assert.doesNotMatch(JSON.stringify(asked.body), /data-status|Reading the thermometer/);
  },

  async 'max-steps'(context) {
    // The limit would be none if the client posted the answered calls again.
    const view = await ask(context, 'scenario: loop tool=get_weather', whenAnswered(context));
    assert.deepEqual(statesOf(view.current.messages[1]), Array(3).fill('output-available'));
    const [post, ...more] = await view.wire.quiet();
    assert.equal(more.length, 0);
    const last = chunksOf(post.wire).at(-1);
    assert.equal(last.type, 'finish');
    if (context.client.name !== '5.0.0') assert.equal(last.finishReason, 'tool-calls');
    await say(view, 'Hello');
  },

  /** The calls are answered when the error comes, which is no reason to post them. */
  async 'error-after-tool'(context) {
    const api = '/parts/error-after-tool';
    const view = await openChat(context, { ...whenAnswered(context), api });
    view.current.sendMessage({ text: 'Play.' });
    await view.until((hook) => hook.status === 'error', 'the error');
    assert.equal((await view.wire.quiet()).length, 1);
    assert.equal(view.current.error.message, 'The model is gone.');
    assert.deepEqual(statesOf(view.current.messages[1]), ['output-available']);
  },

  async 'abort-after-tool'(context) {
    const api = '/parts/abort-after-tool';
    const view = await ask(context, 'Play.', { ...whenAnswered(context), api });
    assert.equal((await view.wire.quiet()).length, 1);
    assert.deepEqual(statesOf(view.current.messages[1]), ['output-available']);
  },
};
