// AI SDK 7 (and 5 and 6, whose hooks are alike): `useChat` over the UI message stream.
import { useChat } from '@ai-sdk/react';
import {
  getToolName,
  isToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
  type UIMessage,
} from 'ai';
import { useState } from 'react';
import { useOutgoing } from './outgoing';
import { ResumingTransport } from './resumingTransport';
import { RunningTurn } from './runningTurn';
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
import { useEndings } from './useEndings';
import { useKeep } from './useKeep';
import { useResume } from './useResume';
import { useVersions } from './useVersions';

/** The server's `data-status` parts. The id is the tool call's, or `turn`. */
interface Status {
  state: 'running' | 'done';
  message?: string;
}
type ChatMessage = UIMessage<About, { status: Status }>;

export default function Version7(props: ChatProps) {
  const { api, server } = props;
  const [turn] = useState(() => new RunningTurn(props.chatId, server, props.fetch));
  const outgoing = useOutgoing(server, props.wishes, turn.fetch, systemMessage);
  const [isBroken, setBroken] = useState(false);
  const [transport] = useState(
    () =>
      new ResumingTransport<ChatMessage>({
        api,
        fetch: outgoing.fetch,
        // A function: each request, `resume` too, has the token of the moment.
        headers: props.headers,
        onBroken: setBroken,
        prepareSendMessagesRequest: ({ id, messages, trigger, messageId, body }) => ({
          body: {
            ...body,
            ...outgoing.choices(),
            id,
            // A server that keeps the chat knows what came before.
            messages: outgoing.messages(server.keeps ? messages.slice(-1) : messages),
            trigger,
            messageId,
          },
        }),
      }),
  );
  const { endOf, note } = useEndings();
  const chat = useChat<ChatMessage>({
    id: props.chatId,
    messages: props.initialMessages as ChatMessage[],
    transport,
    // React renders at most every 30 ms, however fast the deltas arrive.
    throttle: 30,
    onFinish: ({ message, finishReason, isError }) => {
      note(message.id, isError ? 'error' : finishReason);
    },
    // Go on once every client tool has its result and every approval request its reply.
    sendAutomaticallyWhen: (options) =>
      lastAssistantMessageIsCompleteWithToolCalls(options) ||
      lastAssistantMessageIsCompleteWithApprovalResponses(options),
  });
  // The hook's own `resume: true` does not survive StrictMode.
  useResume(props.resume, () => void chat.resumeStream());

  const regenerate = async (messageId?: string) => {
    const before = chat.messages;
    await chat.regenerate({ messageId });
    // Nothing has come in its place, and no server has thrown it away either.
    chat.setMessages((now) => (now.at(-1)?.role === 'user' && !turn.isKept ? before : now));
  };
  const conversation: Conversation = {
    messages: chat.messages.map(cachedViewOf),
    status: chat.status,
    error: chat.error,
    isBroken,
    isCutOff: chat.error !== undefined && isBreak(chat.error) && turn.isKept,
    send: (text, attachments) => {
      const files = attachments.map(({ name, mediaType, url }) => {
        return { type: 'file' as const, filename: name, mediaType, url };
      });
      void chat.sendMessage(text ? { text, files } : { files });
    },
    endOf,
    stop: () => turn.stop(() => void chat.stop()),
    regenerate,
    leftOut: outgoing.leftOut,
    sendWithoutOlderFiles: outgoing.canLeaveOut
      ? () => {
          outgoing.leaveOut();
          void regenerate();
        }
      : undefined,
    edit: (messageId, text) => {
      const kept = chat.messages.find(({ id }) => id === messageId)?.parts ?? [];
      const files = kept.filter((part) => part.type === 'file');
      void chat.sendMessage({ text, files, messageId });
    },
    answer: ({ id, name }, output) =>
      void chat.addToolOutput({ tool: name, toolCallId: id, output }),
    refuse: ({ id, name }, errorText) =>
      void chat.addToolOutput({ tool: name, toolCallId: id, state: 'output-error', errorText }),
    approve: ({ approvalId }, approved) => {
      if (approvalId) void chat.addToolApprovalResponse({ id: approvalId, approved });
    },
  };
  useKeep(chat.messages, conversation, props.onChange, () => void chat.stop());
  const { messages, setMessages } = chat;
  const { chatId } = props;
  return props.children(
    useVersions(conversation, { chatId, server, messages, setMessages, viewOf: cachedViewOf }),
  );
}

function systemMessage(text: string): ChatMessage {
  return { id: 'system', role: 'system', parts: [{ type: 'text', text }] };
}

function viewOf(message: ChatMessage): Message {
  const progress = new Map<string, string>();
  for (const part of message.parts) {
    if (part.type !== 'data-status' || part.data.state !== 'running') continue;
    progress.set(part.id ?? 'turn', part.data.message ?? '');
  }
  return {
    id: message.id,
    role: message.role === 'user' ? 'user' : 'assistant',
    parts: message.parts.flatMap((part) => partOf(part, progress)),
    about: message.metadata ?? {},
  };
}

const cachedViewOf = perMessage(viewOf);

function partOf(part: ChatMessage['parts'][number], progress: Map<string, string>): Part[] {
  if (isToolUIPart(part)) {
    const { toolCallId: id, input, output, errorText: error } = part;
    const call = { id, name: getToolName(part), input, output, error, progress: progress.get(id) };
    const state = stateOf(part);
    return [{ kind: 'tool', call: { ...call, state, approvalId: part.approval?.id } }];
  }
  switch (part.type) {
    case 'text':
    case 'reasoning':
      // Reasoning that the provider hides has no text.
      if (part.text === '') return [];
      return [{ kind: part.type, text: part.text, isStreaming: part.state === 'streaming' }];
    case 'file':
      return [
        {
          kind: 'file',
          file: { name: part.filename ?? 'file', mediaType: part.mediaType, url: part.url },
        },
      ];
    case 'source-url':
      return [{ kind: 'source', id: part.sourceId, title: part.title ?? part.url, url: part.url }];
    case 'source-document':
      return [{ kind: 'source', id: part.sourceId, title: part.title }];
    case 'data-status':
      return part.id === 'turn' && part.data.state === 'running'
        ? [{ kind: 'notice', text: part.data.message ?? '' }]
        : [];
    default:
      return [];
  }
}

function stateOf(
  part: Extract<ChatMessage['parts'][number], { toolCallId: string }>,
): ToolCall['state'] {
  switch (part.state) {
    case 'input-streaming':
      return 'writing';
    case 'input-available':
      return 'running';
    case 'approval-requested':
      return 'asking';
    case 'approval-responded':
      return part.approval.approved ? 'allowed' : 'denied';
    case 'output-available':
      return part.preliminary ? 'running' : 'done';
    case 'output-error':
      return 'failed';
    case 'output-denied':
      return 'denied';
  }
}
