// AI SDK 4: `useChat` over the data stream. In your own project the import is `@ai-sdk/react`;
// here the package has an alias, because its successor is installed too.
import { useChat, type Message as ChatMessage } from 'ai-sdk-react-4';
import { useEffect, useState } from 'react';
import {
  isBreak,
  perMessage,
  type About,
  type ChatProps,
  type Conversation,
  type Message,
  type Part,
  type ToolCall,
} from './conversation';
import { withHeaders } from '../signIn';
import { useOutgoing } from './outgoing';
import { resumingFetch } from './resumingFetch';
import { RunningTurn } from './runningTurn';
import { useEndings } from './useEndings';
import { useKeep } from './useKeep';
import { useResume } from './useResume';
import { useVersions } from './useVersions';

export default function Version4(props: ChatProps) {
  const { chatId, server } = props;
  // `headers` of this hook are those of its last drawing; this way each request has the token of the
  // moment.
  const [isBroken, setBroken] = useState(false);
  const [turn] = useState(() => {
    const fetch = resumingFetch({
      fetch: withHeaders(props.headers, props.fetch),
      onBroken: setBroken,
    });
    return new RunningTurn(chatId, server, fetch);
  });
  const outgoing = useOutgoing(server, props.wishes, turn.fetch, systemMessage);
  const [viewId] = useState(() => `${chatId} ${Math.random()}`);
  const { endOf, note } = useEndings();
  const chat = useChat({
    // By its id the hook keeps what it has shown for as long as the page lives, errors too; a chat
    // that is opened again begins anew.
    id: viewId,
    initialMessages: props.initialMessages as ChatMessage[],
    api: props.api,
    fetch: outgoing.fetch,
    // With the messages' ids, by which a server that keeps the chat knows what is edited.
    experimental_prepareRequestBody: ({ messages, requestBody }) => {
      const sent = outgoing.messages(messages);
      return { id: chatId, messages: sent, ...outgoing.choices(), ...requestBody };
    },
    streamProtocol: 'data',
    // How often the hook may post again by itself after a client tool has its result.
    maxSteps: 5,
    experimental_throttle: 30,
    onFinish: ({ id }, { finishReason }) => note(id, finishReason),
  });
  const { error, messages } = chat;
  useEffect(() => {
    const last = messages.at(-1);
    // `onFinish` is for answers that did not fail.
    if (error && last?.role === 'assistant') note(last.id, 'error');
  }, [error, messages, note]);
  useResume(props.resume, () => chat.experimental_resume());

  const talk = messages.filter(({ role }) => role === 'user' || role === 'assistant');
  const regenerate = async (messageId?: string) => {
    const before = chat.messages;
    const at = before.findIndex(({ id }) => id === messageId);
    // This version asks again for the last answer only: the application cuts the history.
    const isEarlier = at > 0 && at < before.length - 1;
    if (isEarlier) chat.setMessages(before.slice(0, at));
    const body = isEarlier && server.keeps ? { messageId: before[at - 1]?.id } : undefined;
    await chat.reload({ body });
    // Nothing has come in its place, and no server has thrown it away either.
    chat.setMessages((now) => (now.at(-1)?.role === 'user' && !turn.isKept ? before : now));
  };
  const conversation: Conversation = {
    messages: talk.map(cachedViewOf),
    status: chat.status,
    error: chat.error,
    isBroken,
    isCutOff: chat.error !== undefined && isBreak(chat.error) && turn.isKept,
    send: (text, files) => {
      const experimental_attachments = files.map(({ name, mediaType, url }) => {
        return { name, contentType: mediaType, url };
      });
      void chat.append({ role: 'user', content: text }, { experimental_attachments });
    },
    endOf,
    stop: () => turn.stop(chat.stop),
    regenerate,
    leftOut: outgoing.leftOut,
    sendWithoutOlderFiles: outgoing.canLeaveOut
      ? () => {
          outgoing.leaveOut();
          void regenerate();
        }
      : undefined,
    edit: (messageId, text) => {
      // This version cannot do it: the application cuts the history and asks again.
      const at = chat.messages.findIndex(({ id }) => id === messageId);
      const { experimental_attachments } = chat.messages[at] ?? {};
      chat.setMessages(chat.messages.slice(0, at));
      const body = server.keeps ? { messageId } : undefined;
      void chat.append({ role: 'user', content: text }, { experimental_attachments, body });
    },
    answer: ({ id }, result) => chat.addToolResult({ toolCallId: id, result }),
    refuse: ({ id }, reason) => chat.addToolResult({ toolCallId: id, result: { error: reason } }),
  };
  useKeep(chat.messages, conversation, props.onChange, chat.stop);
  const { setMessages } = chat;
  return props.children(
    useVersions(conversation, {
      chatId,
      server,
      messages: talk,
      setMessages,
      viewOf: cachedViewOf,
    }),
  );
}

function systemMessage(text: string): ChatMessage {
  return { id: 'system', role: 'system', content: text };
}

type ChatPart = NonNullable<ChatMessage['parts']>[number];
type Invocation = Extract<ChatPart, { type: 'tool-invocation' }>['toolInvocation'];

function viewOf(message: ChatMessage): Message {
  const { progress, about } = readAnnotations(message);
  const files = (message.experimental_attachments ?? []).map((file): Part => {
    const { name = 'file', contentType: mediaType = '', url } = file;
    return { kind: 'file', file: { name, mediaType, url } };
  });
  const parts = (message.parts ?? []).flatMap((part) => partOf(part, progress));
  return {
    id: message.id,
    role: message.role === 'user' ? 'user' : 'assistant',
    parts: [...files, ...parts],
    about,
  };
}

const cachedViewOf = perMessage(viewOf);

/** Read the server's `8:` lines: the progress of tools, and the finished message's metadata. */
function readAnnotations({ annotations = [] }: ChatMessage) {
  const progress = new Map<string, string>();
  let about: About = {};
  for (const annotation of annotations) {
    if (typeof annotation !== 'object' || annotation === null || Array.isArray(annotation))
      continue;
    if (annotation.type !== 'status') about = { ...about, ...(annotation as About) };
    else if (annotation.toolCallId) {
      progress.set(String(annotation.toolCallId), String(annotation.message));
    }
  }
  return { progress, about };
}

function partOf(part: ChatPart, progress: Map<string, string>): Part[] {
  switch (part.type) {
    case 'text':
      return part.text ? [{ kind: 'text', text: part.text, isStreaming: false }] : [];
    case 'reasoning':
      return part.reasoning
        ? [{ kind: 'reasoning', text: part.reasoning, isStreaming: false }]
        : [];
    case 'tool-invocation':
      return [{ kind: 'tool', call: callOf(part.toolInvocation, progress) }];
    case 'source': {
      const { id, url, title = url } = part.source;
      return [{ kind: 'source', id, title, url }];
    }
    case 'file': {
      const url = `data:${part.mimeType};base64,${part.data}`;
      return [{ kind: 'file', file: { name: 'file', mediaType: part.mimeType, url } }];
    }
    default:
      return [];
  }
}

function callOf(invocation: Invocation, progress: Map<string, string>): ToolCall {
  const { toolCallId: id, toolName: name, args: input } = invocation;
  const call = { id, name, input, progress: progress.get(id) };
  if (invocation.state !== 'result') {
    return { ...call, state: invocation.state === 'call' ? 'running' : 'writing' };
  }
  // In this protocol an error part would end the answer, so the result of a failed call describes the
  // failure.
  const { result } = invocation;
  const error = Object.keys(result ?? {}).join() === 'error' ? String(result.error) : undefined;
  return { ...call, state: error === undefined ? 'done' : 'failed', output: result, error };
}
