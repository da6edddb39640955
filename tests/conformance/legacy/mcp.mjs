// Tools of real MCP servers. `tests/mcp/test_chats.py` serves them.
import assert from 'node:assert/strict';
import { askedOfModel, mark } from '../wire.mjs';
import { ask, idle, invocationsOf, openChat, say, textOf } from './chat.mjs';

const scenario = (tool, input) =>
  `scenario: call tool=${tool} arguments='${JSON.stringify(input)}' delay=0.01`;
// The server also logs, as when it has found out that this client has no roots.
const isProgress = (message) => !message || /^\d of \d$/.test(message);
const LONG = scenario('every_trigger-long-running-operation', { duration: 60, steps: 120 });
const statusesOf = (message) =>
  (message?.annotations ?? []).filter((annotation) => annotation.type === 'status');
const lastCall = (hook) => invocationsOf(hook).at(-1);

async function called(view, text) {
  await say(view, text);
  return lastCall(view.current);
}

export const mcp = {
  async 'mcp-progress'(context) {
    const text = scenario('every_trigger-long-running-operation', { duration: 1, steps: 3 });
    const view = await ask(context, text);
    const shown = view.current.messages.flatMap(statusesOf).map(({ message }) => message).filter(isProgress);
    assert.deepEqual(shown, ['1 of 3', '2 of 3', '3 of 3']);
    // It was shown while the call was running.
    const running = view.seen.filter((message) => statusesOf(message).at(-1)?.message === '1 of 3');
    assert.ok(running.some((message) => message.toolInvocations[0].state === 'call'));
    assert.match(lastCall(view.current).result, /Steps: 3/);
  },

  async 'mcp-image'(context) {
    const marker = mark();
    const view = await ask(context, `Hello, ${marker}`);
    await say(view, scenario('every_get-tiny-image', {}));
    const { result } = lastCall(view.current);
    assert.match(result.message, /the image you requested/);
    assert.equal(result.data_objects[0].mime_type, 'image/png');
    assert.match(result.data_objects[0].content, /^iVBORw0KGgo/);
    await say(view, 'Thanks!');
    const asked = await askedOfModel(context.site, marker);
    assert.equal(asked.length, 4);
    for (const { body } of asked) assert.doesNotMatch(JSON.stringify(body), /iVBORw0KGgo/);
  },

  async 'mcp-error'(context) {
    const view = await ask(context, scenario('every_echo', { message: 7 }));
    assert.match(JSON.stringify(lastCall(view.current).result), /Invalid arguments for tool echo/);
    assert.equal(view.current.error, undefined);
  },

  async 'mcp-stop'(context) {
    const view = await openChat(context);
    view.current.append({ role: 'user', content: LONG });
    await view.until((hook) => statusesOf(hook.messages.at(-1)).length > 0, 'progress');
    view.current.stop();
    await view.until(idle, 'the end');
    const call = await called(view, scenario('every_echo', { message: 'still here' }));
    assert.equal(call.result, 'Echo: still here');
  },

  async 'mcp-killed'(context) {
    const view = await openChat(context);
    view.current.append({ role: 'user', content: LONG });
    await view.until((hook) => statusesOf(hook.messages.at(-1)).length > 0, 'progress');
    assert.equal((await fetch(`${context.site}/mcp/kill`)).status, 200);
    await view.until((hook) => idle(hook) && hook.messages.length > 1, 'the answer');
    assert.match(JSON.stringify(lastCall(view.current).result), /The MCP server every broke off/);
    assert.ok(textOf(view.current.messages.at(-1)).length > 0, 'the answer has no text');
    const again = await called(view, scenario('every_echo', { message: 'back' }));
    assert.equal(again.result, 'Echo: back');
  },

  async 'mcp-list-changed'(context) {
    const view = await openChat(context);
    assert.match((await called(view, scenario('growing_grow', {}))).result, /grown/);
    await fetch(`${context.site}/mcp/has?tool=growing_more`);
    assert.equal((await called(view, scenario('growing_more', {}))).result, 'more');
  },

  /** This client cannot ask its user. */
  async 'mcp-approval'(context) {
    const { folder } = await (await fetch(`${context.site}/mcp/folder`)).json();
    const path = `${folder}/note.txt`;
    const text = scenario('files_write_file', { path, content: 'Hello' });
    const view = await ask(context, text);
    assert.match(JSON.stringify(lastCall(view.current).result), /needs the user's approval/);
    assert.deepEqual((await (await fetch(`${context.site}/mcp/folder`)).json()).files, []);
  },
};
