// Parts that no model of ours sends: turns of `parts_app`.
import assert from 'node:assert/strict';
import { chunksOf } from '../wire.mjs';
import { callsOf } from './calls.mjs';
import { ask, kindsOf, say, textOf } from './chat.mjs';

const play = (context, name, options) =>
  ask(context, 'Play.', { api: `/parts/${name}`, ...options });

export const parts = {
  async 'reasoning-proof'(context) {
    const view = await play(context, 'reasoning-proof');
    const [, answer] = view.current.messages;
    assert.deepEqual(kindsOf(answer), ['step-start', 'reasoning', 'reasoning', 'text']);
    assert.equal(answer.parts[1].text, 'Let me think.');
    assert.deepEqual(answer.parts[1].providerMetadata, { deltaline: { signature: 'proof==' } });
    assert.equal(answer.parts[2].text, '');
    assert.deepEqual(answer.parts[2].providerMetadata, {
      deltaline: { redactedData: 'c2VjcmV0' },
    });
    // What the client sends back is what the server finds in the history.
    await say(view, 'Go on.');
    assert.deepEqual(JSON.parse(textOf(view.current.messages[3])), [
      ['Let me think.', 'proof==', null],
      ['', null, 'c2VjcmV0'],
    ]);
  },

  /** What a user is shown is what will run, whatever the deltas said. */
  async 'input-replaced'(context) {
    const view = await play(context, 'input-replaced');
    const calls = view.seen.flatMap((message) => callsOf(message));
    const streamed = calls.filter((call) => call.state === 'input-streaming');
    assert.ok(streamed.some((call) => call.input?.env?.startsWith(' PR')), 'no delta was shown');
    const whole = calls.filter((call) => call.state !== 'input-streaming');
    for (const { input } of whole) assert.deepEqual(input, { env: 'prod', force: true });
    assert.deepEqual(whole.at(-1).output, { released: 'prod' });
  },

  async sources(context) {
    const view = await play(context, 'sources');
    const [, page, untitled, paper] = view.current.messages[1].parts;
    const url = 'https://example.com/a?b=1&c=2';
    assert.deepEqual(known(page), { type: 'source-url', sourceId: 's1', url, title: 'A page' });
    assert.deepEqual(known(untitled), {
      type: 'source-url',
      sourceId: 's2',
      url: 'https://example.com/untitled',
    });
    assert.deepEqual(known(paper), {
      type: 'source-document',
      sourceId: 's3',
      mediaType: 'application/pdf',
      title: 'A paper',
      filename: 'paper.pdf',
    });
    assert.equal(textOf(view.current.messages[1]), 'As they say.');
  },

  async 'files-out'(context) {
    const view = await play(context, 'files');
    const file = view.current.messages[1].parts.at(-1);
    assert.equal(file.type, 'file');
    assert.equal(file.mediaType, 'image/png');
    assert.match(file.url, /^data:image\/png;base64,iVBOR/);
  },

  async data(context) {
    const received = [];
    const view = await play(context, 'data', { onData: (part) => received.push(part) });
    const [, answer] = view.current.messages;
    assert.deepEqual(
      answer.parts.filter((part) => part.type.startsWith('data-')).map(known),
      [
        { type: 'data-progress', id: 'p1', data: { percent: 100 } },
        { type: 'data-unnamed', data: null },
      ],
    );
    const before = view.seen.flatMap((message) => message.parts).filter((part) => part.id === 'p1');
    assert.ok(before.some((part) => part.data.percent === 10), 'the first value was never shown');
    assert.deepEqual(
      received.map((part) => [part.type, part.transient ?? false]),
      [
        ['data-progress', false],
        ['data-note', true],
        ['data-progress', false],
        ['data-unnamed', false],
      ],
    );
    // The transient part is not sent back, the others are, and the server takes them.
    await say(view, 'Again.');
    const [, second] = await view.wire.quiet();
    const sent = second.body.messages[1].parts.map((part) => part.type);
    assert.deepEqual(sent.filter((kind) => kind.startsWith('data-')), [
      'data-progress',
      'data-unnamed',
    ]);
  },

  async 'metadata-merge'(context) {
    const view = await play(context, 'metadata');
    assert.deepEqual(view.current.messages[1].metadata, { model: 'm1', nested: { a: 1, b: 2 } });
  },

  async 'provider-tool'(context) {
    const { lastAssistantMessageIsCompleteWithToolCalls } = context.client.ai;
    const view = await play(context, 'provider-tool', {
      // 5.0.0 takes the provider's own calls for the client's and would post again, whoever serves.
      sendAutomaticallyWhen:
        context.client.name === '5.0.0' ? undefined : lastAssistantMessageIsCompleteWithToolCalls,
    });
    const [, call] = view.current.messages[1].parts;
    assert.equal(call.type, 'tool-web_search');
    assert.equal(call.state, 'output-available');
    assert.equal(call.providerExecuted, true);
    assert.deepEqual(call.output, { pages: 2 });
    assert.equal((await view.wire.quiet()).length, 1);
  },

  async abort(context) {
    const view = await play(context, 'abort');
    assert.equal(view.current.error, undefined);
    const [, answer] = view.current.messages;
    assert.equal(textOf(answer), 'Half an answer');
    assert.equal(answer.parts.at(-1).state, 'done');
    const [post] = await view.wire.quiet();
    assert.equal(chunksOf(post.wire).at(-1).type, 'abort');
  },
};

/** Return `part` as it travels: keys that are undefined do not. */
const known = (part) => JSON.parse(JSON.stringify(part));
