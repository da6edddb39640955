import { useState } from 'react';
import { textOf, type Conversation, type Message, type Versioned } from './conversation';
import { keepPaths, keptPaths } from './keptVersions';
import type { ServerChats } from './serverChats';
import { isSamePath, pathWith, versionAt, withPath, type Path } from './versions';

/**
 * Give a conversation versions: what a retry or an edit replaces can be seen again.
 *
 * Without a store the history is the client's. Stepping to a version then is going there: what is sent
 * next goes on from it. With a store it is the server's, and the server holds the latest version only:
 * an earlier one can be read, and nothing can be sent until the latest is shown again.
 */
export function useVersions<M extends object>(
  conversation: Conversation,
  hook: {
    chatId: string;
    server: ServerChats;
    /** The client's messages, in its own shape. */
    messages: M[];
    setMessages(messages: M[]): void;
    viewOf(message: M): Message;
  },
): Versioned {
  const { chatId, server, messages, setMessages, viewOf } = hook;
  const [paths, setPaths] = useState(() => keptPaths<M>(chatId));
  // With a store: the earlier version that is shown in place of the server's.
  const [past, setPast] = useState<Path<M>>();
  // The error belongs to the version that it happened in.
  const [hiddenError, hideError] = useState<Error>();
  const keyOf = (message: M) => keyOfView(viewOf(message));
  const isBusy = conversation.status === 'submitted' || conversation.status === 'streaming';
  const shown = (!isBusy && past) || messages;

  const note = () => {
    const noted = withPath(paths, messages, keyOf);
    setPaths(noted);
    keepPaths(chatId, noted);
    return noted;
  };
  const known = past ? [...paths, messages] : paths;
  const isPast = shown !== messages;
  const isHidden = conversation.error && (isPast || conversation.error === hiddenError);
  return {
    ...conversation,
    messages: isPast ? shown.map(viewOf) : conversation.messages,
    ...(isHidden && { error: undefined, isCutOff: false, status: 'ready' }),
    versionAt: (place) => (known.length > 0 ? versionAt(known, shown, place, keyOf) : undefined),
    showVersion: (place, number) => {
      const noted = note();
      const path = pathWith(noted, shown, place, number, keyOf);
      if (!path) return;
      if (server.keeps) return setPast(isSamePath(path, messages, keyOf) ? undefined : path);
      hideError(conversation.error);
      setMessages([...path]);
    },
    isPast,
    showLatest: () => setPast(undefined),
    regenerate: (messageId) => {
      note();
      return conversation.regenerate(messageId);
    },
    edit: (messageId, text) => {
      note();
      conversation.edit(messageId, text);
    },
  };
}

function keyOfView(message: Message): string {
  if (message.role !== 'user') return message.id;
  const files = message.parts.flatMap((part) => {
    return part.kind === 'file' ? [`${part.file.name} ${part.file.url.length}`] : [];
  });
  return JSON.stringify([textOf(message), files]);
}
