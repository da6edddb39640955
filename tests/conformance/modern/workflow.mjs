// `WorkflowChatTransport` of @ai-sdk/workflow, which counts chunks and asks for the rest.
import assert from 'node:assert/strict';
import { askedOfModel, chunksOf, mark, openGate } from '../wire.mjs';
import { textOf } from './chat.mjs';
import { begin, isWhole, storedChat } from './stored.mjs';

// Loaded by the one client that uses it.
const loadTransport = async () => (await import('@ai-sdk/workflow/client')).WorkflowChatTransport;

const gets = (view) => view.wire.requests.filter(({ method }) => method === 'GET');

export const workflow = {
  /** The network is cut twice: the transport goes on where it was, and the hook never knows. */
  async 'workflow-cut'(context) {
    const gate = mark();
    const chat = storedChat(context);
    const view = await begin(chat, gate, { transport: await loadTransport() });
    const has = chunksOf(view.wire.posts()[0].wire).length;
    for (const times of [1, 2]) {
      view.wire.cut();
      await view.until(() => gets(view)[times - 1]?.status === 200, 'the request for the rest');
    }
    await openGate(context.site, gate);
    await view.until(isWhole, 'the rest');
    assert.equal(view.current.error, undefined);
    for (const { url } of gets(view)) assert.match(url, new RegExp(`/stream\\?startIndex=${has}$`));
    assert.equal((await askedOfModel(context.site, gate)).length, 1);
    const [, kept] = await chat.ended();
    assert.equal(textOf(view.current.messages[1]), textOf(kept));
  },

  /** A page that is loaded begins near the end, wherever that is. */
  async 'workflow-tail'(context) {
    const gate = mark();
    const chat = storedChat(context);
    await openGate(context.site, gate);
    const first = await chat.open();
    first.current.sendMessage({ text: `scenario: stall after=3 gate=${gate}` });
    await first.until(isWhole, 'the answer');
    const total = chunksOf(first.wire.posts()[0].wire).length;
    const [mine] = await chat.ended();
    const ended = [];
    const view = await chat.open({
      messages: [mine],
      transport: await loadTransport(),
      ways: { initialStartIndex: -3, onChatEnd: ({ chunkIndex }) => ended.push(chunkIndex) },
    });
    await view.current.resumeStream();
    assert.equal(chunksOf(gets(view)[0].wire).length, 3);
    assert.deepEqual(ended, [total]);
  },

  /** Known bad: an `abort` is no `finish`, so it asks for the rest again and again. */
  async 'workflow-stop'(context) {
    const chat = storedChat(context);
    const view = await begin(chat, mark(), { transport: await loadTransport() });
    await chat.stop();
    await view.until(() => gets(view).length >= 3, 'requests without end');
    for (const { wire } of gets(view).slice(0, 2)) assert.equal(wire, 'data: [DONE]\n\n');
    view.current.stop();
    view.unmount();
  },
};
