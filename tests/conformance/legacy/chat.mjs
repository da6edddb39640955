// AI SDK 3.4 and 4: `useChat` over the data stream.
import { mount } from '../mount.mjs';

/** Return a message's text. */
export const textOf = (message) => message?.content ?? '';

const answerOf = (hook) => {
  const last = hook.messages.at(-1);
  return last?.role === 'assistant' ? last.content : '';
};

/** Whether the hook has nothing under way. AI SDK 3.4 has no status, only `isLoading`. */
export const idle = (hook) => (hook.status ? hook.status === 'ready' : !hook.isLoading);

/** Return the tool invocations of every answer. */
export const invocationsOf = (hook) =>
  hook.messages.flatMap((message) => message.toolInvocations ?? []);

let chats = 0;

/** Mount `useChat`; `finished` of the view holds what `onFinish` was told. */
export async function openChat({ client, url }, options = {}) {
  const { api = '/api/chat', ...rest } = options;
  const finished = [];
  const onFinish = (message, details) => finished.push({ message, ...details });
  const { useChat } = client.hooks;
  chats += 1;
  const id = `chat-${process.pid}-${chats}`;
  const view = mount(
    (wire) => useChat({ id, api: url + api, fetch: wire.fetch, onFinish, ...rest }),
    answerOf,
  );
  view.finished = finished;
  await view.until(idle, 'the hook');
  return view;
}

/** Say `content` and wait until the answer is there. */
export async function say(view, content, options) {
  const finished = view.finished.length;
  view.current.append({ role: 'user', content }, options);
  return view.until((hook) => idle(hook) && view.finished.length > finished, 'the answer');
}

/** Open a chat, say `content` and wait for the answer. */
export async function ask(context, content, options) {
  const view = await openChat(context, options);
  await say(view, content);
  return view;
}
