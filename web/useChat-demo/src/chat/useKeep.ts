import { useEffect, useEffectEvent, useRef } from 'react';
import { titleOf, type ChatProps, type Conversation } from './conversation';

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
  const { status } = conversation;
  const isOpen = status === 'submitted' || status === 'streaming';
  const keep = useEffectEvent((isLeaving: boolean) => {
    if (messages.length === 0 || hasLeft.current) return;
    const { isCutOff } = conversation;
    const title = titleOf(conversation.messages);
    onChange({ messages, title, isOpen, isLeaving, isCutOff });
  });
  const leaveChat = useEffectEvent(leave);
  // AI SDK 4 says `ready` before it hands out the last words.
  const kept = isOpen ? messages.length : messages;
  // oxlint-disable-next-line react/exhaustive-effect-dependencies -- not what is kept, but when
  useEffect(() => keep(false), [kept, status]);
  useEffect(() => {
    hasLeft.current = false;
    // The browser then cuts the answer off, and it would look finished.
    const keepLast = (isLeaving: boolean) => {
      keep(isLeaving);
      hasLeft.current = true;
    };
    const hide = () => keepLast(true);
    const comeBack = () => {
      hasLeft.current = false;
    };
    addEventListener('pagehide', hide);
    addEventListener('pageshow', comeBack);
    return () => {
      removeEventListener('pagehide', hide);
      removeEventListener('pageshow', comeBack);
      keepLast(false);
      leaveChat();
    };
  }, []);
}
