// What only the Responses API brings: tools of the model's own side, cited pages, kept reasoning.
import assert from 'node:assert/strict';
import { askedOfModel, mark } from '../wire.mjs';
import { ask, say, textOf } from './chat.mjs';

/** Ask with a hook that posts answered calls by itself; 5.0.0 would post the model's own too. */
const askOnce = async (context, text, options) => {
  const { lastAssistantMessageIsCompleteWithToolCalls } = context.client.ai;
  const view = await ask(context, text, {
    sendAutomaticallyWhen:
      context.client.name === '5.0.0' ? undefined : lastAssistantMessageIsCompleteWithToolCalls,
    ...options,
  });
  assert.equal((await view.wire.quiet()).length, 1);
  return view;
};
const callOf = (message) => message.parts.find((part) => part.type.startsWith('tool-'));
const pagesOf = (message) =>
  message.parts.filter((part) => part.type === 'source-url').map((part) => part.url);
const PAGES = ['https://ai-sdk.dev/docs', 'https://example.com/scripted?a=1&b=2'];

export const builtin = {
  async citations(context) {
    const view = await askOnce(context, 'scenario: sources');
    assert.deepEqual(pagesOf(view.current.messages[1]), PAGES);
    await say(view, 'Thanks!');
  },

  async 'web-search'(context) {
    const view = await askOnce(context, "scenario: search query='deltas'");
    const call = callOf(view.current.messages[1]);
    assert.equal(call.type, 'tool-web_search');
    assert.equal(call.state, 'output-available');
    assert.equal(call.providerExecuted, true);
    assert.equal(call.input.query, 'deltas');
    assert.deepEqual(pagesOf(view.current.messages[1]), PAGES);
    await say(view, 'Thanks!');
  },

  async 'run-code'(context) {
    const view = await askOnce(context, 'scenario: run-code');
    const call = callOf(view.current.messages[1]);
    assert.equal(call.type, 'tool-code_interpreter');
    assert.equal(call.providerExecuted, true);
    assert.match(call.input.code, /print/);
    assert.match(JSON.stringify(call.output), /deltas to lines/);
    assert.match(textOf(view.current.messages[1]), /I ran a line of Python/);
    await say(view, 'Thanks!');
  },

  /** The model's proof of its reasoning goes to the client and comes back to the model. */
  async 'reasoning-kept'(context) {
    const marker = mark();
    const view = await askOnce(context, 'scenario: reasoning tokens=5', {
      body: { model: 'gpt-5' },
    });
    const { signature } = view.current.messages[1].parts[1].providerMetadata.deltaline;
    await say(view, `Thanks, ${marker}!`);
    const [asked] = await askedOfModel(context.site, marker);
    const item = asked.body.input.find(({ type }) => type === 'reasoning');
    assert.equal(item.id, JSON.parse(signature).id);
    assert.equal(item.encrypted_content, JSON.parse(signature).encrypted_content);
  },
};
