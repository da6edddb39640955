// AI SDK 5, 6 and 7: `useChat` over the UI message stream.
import { mount } from '../mount.mjs';

/** Return a message's text. */
export const textOf = (message) =>
  (message?.parts ?? [])
    .filter((part) => part.type === 'text')
    .map((part) => part.text)
    .join('');

const answerOf = (hook) => {
  const last = hook.messages.at(-1);
  return last?.role === 'assistant' ? textOf(last) : '';
};

/** Return the types of a message's parts. */
export const kindsOf = (message) => message.parts.map((part) => part.type);

/** Whether the hook holds a finished answer. */
export const answered = (hook) =>
  hook.status === 'ready' && hook.messages.at(-1)?.role === 'assistant';

/**
 * Mount `useChat` with the client's own transport, or another class of transport.
 *
 * `body` rides on every request; `ways` are more options of the transport; `isOwn`: the hook is
 * given a `Chat` that the app has made.
 */
export async function openChat({ client, url }, options = {}) {
  const { api = '/api/chat', transport = 'DefaultChatTransport', ...more } = options;
  const { body, ways, isOwn, ...rest } = more;
  const { Chat, useChat } = client.hooks;
  const Transport = typeof transport === 'string' ? client.ai[transport] : transport;
  let chosen, own;
  const view = mount((wire) => {
    chosen ??= new Transport({
      api: url + api,
      fetch: wire.fetch,
      body: { ...client.body, ...body },
      ...ways,
    });
    if (!isOwn) return useChat({ transport: chosen, ...rest });
    const { resume, ...made } = rest;
    own ??= new Chat({ transport: chosen, ...made });
    return useChat({ chat: own, resume });
  }, answerOf);
  await view.until((hook) => hook.status !== undefined, 'the hook');
  return view;
}

/** Say `text` (or send a whole `message`) and wait until the answer is there. */
export async function say(view, message) {
  const length = view.current.messages.length + 2;
  view.current.sendMessage(typeof message === 'string' ? { text: message } : message);
  return view.until((hook) => answered(hook) && hook.messages.length === length, 'the answer');
}

/** Open a chat, say `text` and wait for the answer. */
export async function ask(context, text, options) {
  const view = await openChat(context, options);
  await say(view, text);
  return view;
}
