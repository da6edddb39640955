// Tools of real MCP servers. `tests/mcp/test_chats.py` serves them.
import assert from 'node:assert/strict';
import { askedOfModel, chunksOf, mark } from '../wire.mjs';
import { assertOneAnswer, callsOf, told, whenAnswered } from './calls.mjs';
import { answered, ask, openChat, say, textOf } from './chat.mjs';

const scenario = (tool, input) =>
  `scenario: call tool=${tool} arguments='${JSON.stringify(input)}' delay=0.01`;
// The server also logs, as when it has found out that this client has no roots.
const isProgress = (message) => !message || /^\d of \d$/.test(message);
const LONG = scenario('every_trigger-long-running-operation', { duration: 60, steps: 120 });
const statusesOf = (message) => (message?.parts ?? []).filter((part) => part.type === 'data-status');
const lastCall = (hook) => callsOf(hook.messages.at(-1)).at(-1);

/** Say `text` and return the call of the answer. */
async function called(view, text) {
  await say(view, text);
  return lastCall(view.current);
}

export const mcp = {
  async 'mcp-progress'(context) {
    const text = scenario('every_trigger-long-running-operation', { duration: 1, steps: 3 });
    const view = await ask(context, text, whenAnswered(context));
    await assertOneAnswer(view, 1);
    // Each replaces the one before, so the last may not be rendered: the result comes with it.
    const [post] = await view.wire.quiet();
    const sent = chunksOf(post.wire).filter((chunk) => chunk.type === 'data-status');
    const shown = sent.map(({ data }) => data.message).filter(isProgress);
    assert.deepEqual(shown, ['1 of 3', '2 of 3', '3 of 3', undefined]);
    // It was shown while the call was running.
    const running = view.seen.filter((message) => statusesOf(message)[0]?.data.message === '1 of 3');
    assert.ok(running.some((message) => callsOf(message)[0].state === 'input-available'));
    assert.match(lastCall(view.current).output, /Steps: 3/);
  },

  async 'mcp-image'(context) {
    const marker = mark();
    const view = await ask(context, `Hello, ${marker}`);
    await say(view, scenario('every_get-tiny-image', {}));
    const { output, state } = lastCall(view.current);
    assert.equal(state, 'output-available');
    assert.match(output.message, /the image you requested/);
    const [image] = output.data_objects;
    assert.equal(image.mime_type, 'image/png');
    assert.match(image.content, /^iVBORw0KGgo/);
    // The model is told of it, and does not read the base64: now, and in what follows.
    await say(view, 'Thanks!');
    const asked = await askedOfModel(context.site, marker);
    assert.equal(asked.length, 4);
    for (const { body } of asked) assert.doesNotMatch(JSON.stringify(body), /iVBORw0KGgo/);
  },

  async 'mcp-error'(context) {
    const view = await ask(context, scenario('every_echo', { message: 7 }), whenAnswered(context));
    await assertOneAnswer(view, 1);
    const call = lastCall(view.current);
    assert.equal(call.state, 'output-error');
    assert.match(call.errorText, /Invalid arguments for tool echo/);
    assert.equal(view.current.error, undefined);
  },

  async 'mcp-stop'(context) {
    const view = await openChat(context);
    view.current.sendMessage({ text: LONG });
    await view.until((hook) => statusesOf(hook.messages.at(-1)).length > 0, 'progress');
    await view.current.stop();
    await view.until((hook) => hook.status === 'ready', 'the end');
    const call = await called(view, scenario('every_echo', { message: 'still here' }));
    assert.equal(call.output, 'Echo: still here');
  },

  async 'mcp-killed'(context) {
    const view = await openChat(context, whenAnswered(context));
    view.current.sendMessage({ text: LONG });
    await view.until((hook) => statusesOf(hook.messages.at(-1)).length > 0, 'progress');
    assert.equal((await fetch(`${context.site}/mcp/kill`)).status, 200);
    await view.until(answered, 'the answer');
    const call = lastCall(view.current);
    assert.equal(call.state, 'output-error');
    assert.match(call.errorText, /The MCP server every broke off/);
    assert.ok(textOf(view.current.messages.at(-1)).length > 0, 'the answer has no text');
    // It is started again, and the chat goes on.
    const again = await called(view, scenario('every_echo', { message: 'back' }));
    assert.equal(again.output, 'Echo: back');
  },

  async 'mcp-list-changed'(context) {
    const view = await openChat(context);
    assert.match((await called(view, scenario('growing_grow', {}))).output, /grown/);
    await fetch(`${context.site}/mcp/has?tool=growing_more`);
    assert.equal((await called(view, scenario('growing_more', {}))).output, 'more');
  },

  async 'mcp-approval'(context) {
    const { lastAssistantMessageIsCompleteWithApprovalResponses: whenApproved } = context.client.ai;
    const view = await openChat(context, { sendAutomaticallyWhen: whenApproved });
    const { folder } = await (await fetch(`${context.site}/mcp/folder`)).json();
    const path = `${folder}/note.txt`;
    view.current.sendMessage({ text: scenario('files_write_file', { path, content: 'Hello' }) });
    await view.until(answered, 'the question');
    const asked = lastCall(view.current);
    assert.equal(asked.state, 'approval-requested');
    assert.equal(asked.input.path, path);
    assert.deepEqual((await (await fetch(`${context.site}/mcp/folder`)).json()).files, []);
    view.current.addToolApprovalResponse({ id: asked.approval.id, approved: true });
    await told(view);
    assert.equal(lastCall(view.current).state, 'output-available');
    // What only reads runs unasked.
    const read = await called(view, scenario('files_read_text_file', { path }));
    assert.match(JSON.stringify(read.output), /Hello/);
  },
};
