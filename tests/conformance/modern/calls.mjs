// What the flows with tool calls look at.
import assert from 'node:assert/strict';
import { chunksOf } from '../wire.mjs';
import { answered, kindsOf } from './chat.mjs';

const isCall = (part) => part.type.startsWith('tool-') || part.type === 'dynamic-tool';
/** Return the tool parts of a message. */
export const callsOf = (message) => message.parts.filter(isCall);
/** Return their states. */
export const statesOf = (message) => callsOf(message).map((part) => part.state);

/** Post on its own when every call of the last step has been answered. */
export const whenAnswered = ({ client }) => ({
  sendAutomaticallyWhen: client.ai.lastAssistantMessageIsCompleteWithToolCalls,
});

/** Wait until an answer has ended in text. */
export const told = (view) =>
  view.until(
    (hook) => answered(hook) && hook.messages.at(-1).parts.at(-1)?.type === 'text',
    'the text',
  );

/** Check that `count` POSTs made one answer of two steps, and that the client rests. */
export async function assertOneAnswer(view, count) {
  const posts = await view.wire.quiet();
  assert.equal(posts.length, count, `${posts.length} POSTs`);
  const { messages } = view.current;
  assert.deepEqual(messages.map((message) => message.role), ['user', 'assistant']);
  const starts = posts.map((post) => chunksOf(post.wire)[0].messageId);
  assert.deepEqual([...new Set(starts)], [messages[1].id]);
  assert.equal(kindsOf(messages[1]).filter((kind) => kind === 'step-start').length, 2);
  for (const post of posts) {
    const kinds = chunksOf(post.wire).map((chunk) => chunk.type);
    const count = (kind) => kinds.filter((other) => other === kind).length;
    assert.equal(count('start-step'), count('finish-step'));
  }
}
