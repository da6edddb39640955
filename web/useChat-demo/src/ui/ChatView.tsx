import { useEffect, useRef, useState } from 'react';
import {
  textOf,
  wordsOf,
  type Conversation,
  type Generation,
  type Message,
  type Versioned,
} from '../chat/conversation';
import { useWish, type Wishes } from '../chat/offer';
import { Choices } from './Choices';
import { Composer } from './Composer';
import { ConnectionNotice } from './ConnectionNotice';
import { focusChat } from './focus';
import { Icon } from './Icon';
import { MessageView } from './MessageView';
import { PastNotice } from './PastNotice';
import { SavedNotice } from './SavedNotice';
import { Starters } from './Starters';
import { useStickToEnd } from './useStickToEnd';

// Characters of an answer that are read out by themselves: some twenty seconds.
const MOST_ANNOUNCED = 400;

/** A chat, with either client. */
export function ChatView(props: {
  conversation: Versioned;
  chatId: string;
  generation: Generation;
  /** Whether the last answer was under way when the page was left. */
  wasOpen: boolean;
  /** Whether the server keeps the chat. */
  isKept: boolean;
  /** Show the chat as the server has it. */
  onReconnect(): Promise<void>;
  onShowWire(exchangeId: number): void;
  /** Whether the chat is from a file, and cannot go on here. */
  isReadOnly: boolean;
  wishes: Wishes;
  /** Is told what is shown. */
  onShown(messages: Message[]): void;
  /** Called when a message is sent. */
  onSend(): void;
  onNew(): void;
}) {
  const { conversation, generation, isReadOnly, onShown, onShowWire } = props;
  const { messages, status, error, isPast } = conversation;
  useEffect(() => {
    onShown(messages);
  }, [messages, onShown]);
  const { mostBodyBytes } = useWish(props.wishes).offer;
  const isBusy = status === 'submitted' || status === 'streaming';
  const last = messages.at(-1);
  const stop = useStop(conversation);
  const missing = useMissing(props, stop.isWanted);
  const { ref, isAtEnd, on, goToEnd } = useStickToEnd<HTMLDivElement>(messages.length > 0);
  const actions = useSteadyActions(conversation);

  const endingOf = (message: Message) => {
    // Of the last one, the box below says it.
    if (message.role === 'user' || (message === last && (isBusy || error || missing)))
      return undefined;
    const known = conversation.endOf(message);
    if (message === last && stop.isWanted && !isFinished(message)) return 'stopped';
    // Of what came before the page was opened, only whether it is whole.
    return known ?? (props.isKept && !isFinished(message) ? 'incomplete' : undefined);
  };

  function send(...message: Parameters<Conversation['send']>) {
    goToEnd();
    props.onSend();
    conversation.send(...message);
  }

  return (
    <>
      <div className="messages" ref={ref} {...on} data-status={status} tabIndex={-1}>
        {messages.length === 0 && (
          <Starters generation={generation} onStart={(text) => send(text, [])} />
        )}
        {messages.map((message, place) => (
          <MessageView
            // Another version of a message stands at its place, with the focus where it was.
            key={place}
            message={message}
            place={place}
            version={conversation.versionAt(place)}
            isStreaming={isBusy && message === last && message.role === 'assistant'}
            isLast={message === last}
            isBusy={isBusy}
            isPast={isPast || isReadOnly}
            ending={endingOf(message)}
            actions={actions}
            onShowWire={onShowWire}
          />
        ))}
        {isBusy && last?.role === 'user' && <p className="waiting">Waiting for the first part</p>}
        <ConnectionNotice isBroken={conversation.isBroken} />
        {error && (
          <div className="failure" role="alert">
            <p>{wordsOf(error)}</p>
            {conversation.sendWithoutOlderFiles ? (
              <button
                className="plain"
                onClick={() => {
                  focusChat();
                  conversation.sendWithoutOlderFiles?.();
                }}
              >
                Leave older files out and send again
              </button>
            ) : conversation.isCutOff ? (
              <button
                className="plain"
                onClick={() => {
                  focusChat();
                  void props.onReconnect();
                }}
              >
                Reconnect
              </button>
            ) : (
              <p className="buttons">
                {last?.role === 'assistant' && (
                  <button className="plain" onClick={actions.goOn}>
                    Continue
                  </button>
                )}
                <button className="plain" onClick={() => void actions.regenerate()}>
                  Try again
                </button>
              </p>
            )}
          </div>
        )}
        {conversation.leftOut > 0 && !error && (
          <p className="notice">{leftOutInWords(conversation.leftOut)}</p>
        )}
        {missing && (
          <div className="failure">
            <p>{missing}</p>
            <p className="buttons">
              {last?.role === 'assistant' && last.parts.length > 0 && (
                <button className="plain" onClick={actions.goOn}>
                  Continue
                </button>
              )}
              <button className="plain" onClick={() => void actions.regenerate()}>
                Ask again
              </button>
            </p>
          </div>
        )}
      </div>
      {!isAtEnd && messages.length > 0 && (
        <button
          className="to-end"
          onClick={() => {
            goToEnd();
            focusChat();
          }}
        >
          <Icon name="down" /> To the end
        </button>
      )}
      {stop.problem && isBusy && (
        <p className="problem stop-problem" role="alert">
          The answer could not be stopped. {stop.problem}
        </p>
      )}
      {isPast && (
        <PastNotice
          onLatest={() => {
            focusChat();
            conversation.showLatest();
          }}
        />
      )}
      {isReadOnly ? (
        <SavedNotice onNew={props.onNew} />
      ) : (
        <div className="composer-place" hidden={isPast}>
          <Composer
            draftOf={messages.length === 0 ? 'a new chat' : props.chatId}
            isBusy={isBusy}
            mostBodyBytes={mostBodyBytes}
            onSend={send}
            onStop={stop.press}
          >
            <Choices wishes={props.wishes} />
          </Composer>
        </div>
      )}
      <Announcement status={status} last={last} />
    </>
  );
}

/** The stop button: what it could not do, and whether the answer that ended was to be stopped. */
function useStop(conversation: Conversation) {
  const [state, setState] = useState<{ isWanted: boolean; problem?: string }>({ isWanted: false });
  const { status } = conversation;
  const [before, setBefore] = useState(status);
  if (before !== status) {
    setBefore(status);
    if (status === 'submitted') setState({ isWanted: false });
  }
  const press = () => {
    setState({ isWanted: true });
    conversation.stop().catch((error: Error) => {
      setState({ isWanted: false, problem: error.message });
    });
  };
  return { ...state, press };
}

/** Return what is missing of the last answer, in words, where it ended without an error. */
function useMissing(
  props: { conversation: Conversation; wasOpen: boolean; isKept: boolean },
  isStopped: boolean,
): string | undefined {
  const { messages, status } = props.conversation;
  // AI SDK 7 is `ready` while it asks for the stream of an answer.
  const [hasAsked, setAsked] = useState(!props.wasOpen);
  if (!hasAsked && status !== 'ready') setAsked(true);
  const last = messages.at(-1);
  if (status !== 'ready' || last === undefined || isFinished(last)) return undefined;
  const isNone = last.role === 'user' || last.parts.length === 0;
  if (isNone && hasAsked) return 'There is no answer.';
  if (props.isKept) {
    return hasAsked && !isStopped ? 'This answer ended before it was complete.' : undefined;
  }
  return props.wasOpen ? 'This answer was cut off, and the server does not keep it.' : undefined;
}

/**
 * The text for screen readers: that an answer is being written, then how it begins, not each delta.
 * Nobody can stop an announcement and go back in it, so that of a long answer leads to the answer.
 */
function Announcement({ status, last }: { status: Conversation['status']; last?: Message }) {
  const [hasAsked, setAsked] = useState(false);
  if (!hasAsked && status !== 'ready') setAsked(true);
  const answer = last?.role === 'assistant' ? textOf(last) : '';
  const open = last?.parts.findLast((part) => part.kind === 'tool');
  const waits = open?.call.state === 'asking' || open?.call.state === 'running';
  let words = '';
  if (status === 'submitted' || status === 'streaming') words = 'The answer is being written.';
  else if (status === 'ready' && waits) words = `The tool ${open.call.name} waits for you.`;
  else if (status === 'ready' && hasAsked) words = `Answer: ${beginningOf(answer)}`;
  return (
    <p role="status" className="unseen">
      {words}
    </p>
  );
}

function beginningOf(answer: string): string {
  if (answer.length <= MOST_ANNOUNCED) return answer;
  const cut = answer.slice(0, MOST_ANNOUNCED);
  return `${cut.slice(0, cut.lastIndexOf(' '))} … The rest is in the chat.`;
}

/** Return actions that keep their identity and always act on the latest conversation. */
function useSteadyActions(conversation: Versioned) {
  const latest = useRef(conversation);
  useEffect(() => {
    latest.current = conversation;
  });
  const [steady] = useState(() => ({
    edit: (...values: Parameters<Conversation['edit']>) => {
      focusChat();
      latest.current.edit(...values);
    },
    regenerate: (messageId?: string) => {
      focusChat();
      return latest.current.regenerate(messageId);
    },
    // Every model understands it, and history says what was asked.
    goOn: () => {
      focusChat();
      latest.current.send('Continue', []);
    },
    showVersion: (...values: Parameters<Versioned['showVersion']>) => {
      latest.current.showVersion(...values);
    },
    answer: (...values: Parameters<Conversation['answer']>) => latest.current.answer(...values),
    refuse: (...values: Parameters<Conversation['refuse']>) => latest.current.refuse(...values),
    approve: (...values: Parameters<NonNullable<Conversation['approve']>>) =>
      latest.current.approve?.(...values),
  }));
  return steady;
}

function leftOutInWords(files: number): string {
  const which = files === 1 ? 'An older file was' : `${files} older files were`;
  return `${which} not sent again: the request would have been larger than the server takes.`;
}

// The server sends a message's metadata when the message is complete.
const isFinished = ({ role, about }: Message) => role === 'assistant' && about.model !== undefined;
