import { useEffect, useRef } from 'react';
import { textOf, type ChatProps, type Conversation } from './conversation';

/**
 * Pass the messages on to be kept: when one begins or ends, and when the user leaves the page. Leaving
 * the chat stops its answer, unless the server goes on without a client.
 */
export function useKeep(
  messages: unknown[],
  conversation: Conversation,
  onChange: ChatProps['onChange'],
): void {
  const hasLeft = useRef(false);
  const latest = useRef<() => void>(() => {});
  latest.current = () => {
    if (messages.length === 0 || hasLeft.current) return;
    const { status } = conversation;
    const [first] = conversation.messages;
    const title = textOf(first).trim() || 'A file';
    onChange(messages, title.slice(0, 80), status === 'submitted' || status === 'streaming');
  };
  const stop = useRef(conversation.stop);
  stop.current = conversation.stop;
  const { status } = conversation;
  useEffect(() => latest.current(), [messages.length, status]);
  useEffect(() => {
    hasLeft.current = false;
    // The browser then cuts the answer off, and it would look finished.
    const leave = () => {
      latest.current();
      hasLeft.current = true;
    };
    const comeBack = () => {
      hasLeft.current = false;
    };
    addEventListener('pagehide', leave);
    addEventListener('pageshow', comeBack);
    return () => {
      removeEventListener('pagehide', leave);
      removeEventListener('pageshow', comeBack);
      leave();
      stop.current();
    };
  }, []);
}
