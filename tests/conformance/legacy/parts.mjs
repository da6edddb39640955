// Parts that no model of ours sends: turns of `parts_app`.
import assert from 'node:assert/strict';
import { ask, idle, invocationsOf, say, textOf } from './chat.mjs';

const play = (context, name, options) =>
  ask(context, 'Play.', { api: `/parts/${name}`, ...options });

export const parts = {
  async 'reasoning-proof'(context) {
    const view = await play(context, 'reasoning-proof');
    const reasoning = view.current.messages[1].parts.filter((part) => part.type === 'reasoning');
    assert.deepEqual(
      reasoning.flatMap((part) => part.details),
      [
        { type: 'text', text: 'Let me think.', signature: 'proof==' },
        { type: 'redacted', data: 'c2VjcmV0' },
      ],
    );
    // What the client sends back is what the server finds in the history.
    const { messages } = await say(view, 'Go on.');
    assert.deepEqual(JSON.parse(textOf(messages[3])), [
      ['Let me think.', 'proof==', null],
      ['', null, 'c2VjcmV0'],
    ]);
  },

  /** What a user is shown is what will run, whatever the deltas said. */
  async 'input-replaced'(context) {
    const view = await play(context, 'input-replaced');
    const [call, ...more] = invocationsOf(view.current);
    assert.equal(more.length, 0);
    assert.deepEqual(call.args, { env: 'prod', force: true });
    assert.deepEqual(call.result, { released: 'prod' });
  },

  async sources(context) {
    const view = await play(context, 'sources');
    const [, answer] = view.current.messages;
    // A document has no place in this protocol.
    assert.deepEqual(
      answer.parts.filter((part) => part.type === 'source').map((part) => part.source),
      [
        { sourceType: 'url', id: 's1', url: 'https://example.com/a?b=1&c=2', title: 'A page' },
        { sourceType: 'url', id: 's2', url: 'https://example.com/untitled' },
      ],
    );
    assert.equal(textOf(answer), 'As they say.');
  },

  async 'files-out'(context) {
    const view = await play(context, 'files');
    const file = view.current.messages[1].parts.at(-1);
    assert.equal(file.type, 'file');
    assert.equal(file.mimeType, 'image/png');
    assert.match(file.data, /^iVBOR/);
  },

  async data(context) {
    const view = await play(context, 'data');
    assert.deepEqual(view.current.data, [
      { type: 'data-progress', id: 'p1', data: { percent: 10 } },
      { type: 'data-note', data: { text: 'gone soon' } },
      { type: 'data-progress', id: 'p1', data: { percent: 100 } },
      { type: 'data-unnamed', data: null },
    ]);
    const { messages } = await say(view, 'Again.');
    assert.equal(textOf(messages[3]), 'Working');
  },

  /** The hook would take the provider's call for its own, so it is not shown. */
  async 'provider-tool'(context) {
    const view = await play(context, 'provider-tool', { maxSteps: 3 });
    assert.deepEqual(invocationsOf(view.current), []);
    assert.equal(textOf(view.current.messages[1]), 'Found.');
    assert.equal((await view.wire.quiet()).length, 1);
  },

  async abort(context) {
    const view = await play(context, 'abort');
    assert.equal(view.current.error, undefined);
    assert.ok(idle(view.current));
    assert.equal(textOf(view.current.messages[1]), 'Half an answer');
    assert.equal(view.finished[0].finishReason, 'other');
  },
};
