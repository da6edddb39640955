import { useEffect, useRef } from 'react';
import { textOf, type ChatProps, type Conversation } from './conversation';

/**
 * Pass the messages on to be kept: when one begins or ends, and when the user leaves the page. Leaving
 * the chat is `leave`, the hook's `stop()`: its answer ends, unless the server goes on without a client.
 */
export function useKeep(
  messages: unknown[],
  conversation: Conversation,
  onChange: ChatProps['onChange'],
  leave: () => void,
): void {
  const hasLeft = useRef(false);
  const latest = useRef({ keep: () => {}, leave });
  const { status } = conversation;
  const isOpen = status === 'submitted' || status === 'streaming';
  useEffect(() => {
    latest.current = {
      keep: () => {
        if (messages.length === 0 || hasLeft.current) return;
        const [first] = conversation.messages;
        const title = textOf(first).trim() || 'A file';
        const { isCutOff } = conversation;
        onChange({ messages, title: title.slice(0, 80), isOpen, isCutOff });
      },
      leave,
    };
  });
  // AI SDK 4 says `ready` before it hands out the last words.
  useEffect(() => latest.current.keep(), [isOpen ? messages.length : messages, status]);
  useEffect(() => {
    hasLeft.current = false;
    // The browser then cuts the answer off, and it would look finished.
    const hide = () => {
      latest.current.keep();
      hasLeft.current = true;
    };
    const comeBack = () => {
      hasLeft.current = false;
    };
    addEventListener('pagehide', hide);
    addEventListener('pageshow', comeBack);
    return () => {
      removeEventListener('pagehide', hide);
      removeEventListener('pageshow', comeBack);
      hide();
      latest.current.leave();
    };
  }, []);
}
