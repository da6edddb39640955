import { useEffect, useRef } from 'react';
import { textOf, wordsOf, type Conversation, type Generation, type Message } from '../chat/conversation';
import { Composer } from './Composer';
import { Icon } from './Icon';
import { MessageView } from './MessageView';
import { Starters } from './Starters';
import { useStickToEnd } from './useStickToEnd';

/** A chat, with either client. */
export function ChatView(props: {
  conversation: Conversation;
  generation: Generation;
  /** Whether the last answer was under way when the page was left. */
  wasOpen: boolean;
  onShowWire(exchangeId: number): void;
}) {
  const { conversation, generation, wasOpen, onShowWire } = props;
  const { messages, status, error } = conversation;
  const isBusy = status === 'submitted' || status === 'streaming';
  const last = messages.at(-1);
  const isCut = wasOpen && status === 'ready' && last !== undefined && !isFinished(last);
  const { ref, isAtEnd, onScroll, goToEnd } = useStickToEnd<HTMLDivElement>(messages.length > 0);
  const actions = useSteadyActions(conversation);

  function send(...message: Parameters<Conversation['send']>) {
    goToEnd();
    conversation.send(...message);
  }

  return (
    <>
      <div className="messages" ref={ref} onScroll={onScroll} data-status={status} tabIndex={-1}>
        {messages.length === 0 && (
          <Starters generation={generation} onStart={(text) => send(text, [])} />
        )}
        {messages.map((message) => (
          <MessageView
            key={message.id}
            message={message}
            isStreaming={isBusy && message === last && message.role === 'assistant'}
            isLast={message === last}
            isBusy={isBusy}
            actions={actions}
            onShowWire={onShowWire}
          />
        ))}
        {isBusy && last?.role === 'user' && <p className="waiting">Waiting for the first part</p>}
        {error && (
          <div className="failure" role="alert">
            <p>{wordsOf(error)}</p>
            <button className="plain" onClick={conversation.regenerate}>
              Try again
            </button>
          </div>
        )}
        {isCut && (
          <div className="failure">
            <p>This answer was cut off, and the server does not keep it.</p>
            <button className="plain" onClick={conversation.regenerate}>
              Ask again
            </button>
          </div>
        )}
      </div>
      {!isAtEnd && messages.length > 0 && (
        <button className="to-end" onClick={goToEnd}>
          <Icon name="down" /> To the end
        </button>
      )}
      <Composer isBusy={isBusy} onSend={send} onStop={conversation.stop} />
      <Announcement status={status} last={last} />
    </>
  );
}

/** The text for screen readers: that an answer is being written, then the whole answer, not each delta. */
function Announcement({ status, last }: { status: Conversation['status']; last?: Message }) {
  const hasAsked = useRef(false);
  hasAsked.current ||= status !== 'ready';
  const answer = last?.role === 'assistant' ? textOf(last) : '';
  const open = last?.parts.findLast((part) => part.kind === 'tool');
  const waits = open?.call.state === 'asking' || open?.call.state === 'running';
  let words = '';
  if (status === 'submitted' || status === 'streaming') words = 'The answer is being written.';
  else if (status === 'ready' && waits) words = `The tool ${open.call.name} waits for you.`;
  else if (status === 'ready' && hasAsked.current) words = `Answer: ${answer}`;
  return (
    <p role="status" className="unseen">
      {words}
    </p>
  );
}

/** Return actions that keep their identity and always act on the latest conversation. */
function useSteadyActions(conversation: Conversation) {
  const latest = useRef(conversation);
  useEffect(() => {
    latest.current = conversation;
  });
  const steady = useRef({
    edit: (...values: Parameters<Conversation['edit']>) => latest.current.edit(...values),
    regenerate: () => latest.current.regenerate(),
    answer: (...values: Parameters<Conversation['answer']>) => latest.current.answer(...values),
    refuse: (...values: Parameters<Conversation['refuse']>) => latest.current.refuse(...values),
    approve: (...values: Parameters<NonNullable<Conversation['approve']>>) =>
      latest.current.approve?.(...values),
  });
  return steady.current;
}

// The server sends a message's metadata when the message is complete.
const isFinished = ({ role, about }: Message) => role === 'assistant' && about.model !== undefined;
