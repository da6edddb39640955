// What only the Responses API brings: tools of the model's own side, cited pages, kept reasoning.
import assert from 'node:assert/strict';
import { askedOfModel, mark } from '../wire.mjs';
import { ask, invocationsOf, say, textOf } from './chat.mjs';

const PAGES = ['https://ai-sdk.dev/docs', 'https://example.com/scripted?a=1&b=2'];

/** Ask with a hook that posts answered calls by itself; those of the model's side are not shown. */
const askOnce = async (context, text, options) => {
  const view = await ask(context, text, { maxSteps: 4, ...options });
  assert.equal((await view.wire.quiet()).length, 1);
  assert.deepEqual(invocationsOf(view.current), []);
  assert.ok(textOf(view.current.messages[1]).length > 0);
  return view;
};

function assertPages(context, view) {
  if (context.client.name === '3.4') return; // has no place for them
  const sources = view.current.messages[1].parts.filter((part) => part.type === 'source');
  assert.deepEqual(sources.map((part) => part.source.url), PAGES);
}

export const builtin = {
  async citations(context) {
    const view = await askOnce(context, 'scenario: sources');
    assertPages(context, view);
    await say(view, 'Thanks!');
  },

  async 'web-search'(context) {
    const view = await askOnce(context, "scenario: search query='deltas'");
    assertPages(context, view);
    await say(view, 'Thanks!');
  },

  async 'run-code'(context) {
    const view = await askOnce(context, 'scenario: run-code');
    assert.match(textOf(view.current.messages[1]), /I ran a line of Python/);
    await say(view, 'Thanks!');
  },

  /** The model's proof of its reasoning goes to the client and comes back to the model. */
  async 'reasoning-kept'(context) {
    const marker = mark();
    const view = await askOnce(context, 'scenario: reasoning tokens=5', {
      body: { model: 'gpt-5' },
    });
    const reasoning = view.current.messages[1].parts.find((part) => part.type === 'reasoning');
    const proof = JSON.parse(reasoning.details[0].signature);
    await say(view, `Thanks, ${marker}!`);
    const [asked] = await askedOfModel(context.site, marker);
    const item = asked.body.input.find(({ type }) => type === 'reasoning');
    assert.equal(item.id, proof.id);
    assert.equal(item.encrypted_content, proof.encrypted_content);
  },
};
