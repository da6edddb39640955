import { memo, useRef, useState } from 'react';
import {
  textOf,
  type Attachment,
  type Conversation,
  type Ending,
  type Message,
  type Part,
} from '../chat/conversation';
import { Markdown } from './markdown/Markdown';
import { MessageFooter } from './MessageFooter';
import { ToolCallView, type ToolActions } from './ToolCallView';

interface Props {
  message: Message;
  /** Whether the answer is being written now. */
  isStreaming: boolean;
  isLast: boolean;
  isBusy: boolean;
  /** Why the answer is not what one expects. */
  ending?: Ending | 'incomplete';
  actions: Pick<Conversation, 'edit' | 'regenerate'> & ToolActions;
  onShowWire(exchangeId: number): void;
}

/** One message. It renders again only when the message itself has changed. */
export const MessageView = memo(function MessageView(props: Props) {
  return props.message.role === 'user' ? <Question {...props} /> : <Answer {...props} />;
}, isSame);

// The actions are new functions on every render, but always do the same.
function isSame(before: Props, after: Props): boolean {
  const keys = ['message', 'isStreaming', 'isLast', 'isBusy', 'ending'] as const;
  return keys.every((key) => before[key] === after[key]);
}

function Question({ message, isBusy, actions }: Props) {
  const [isEditing, setEditing] = useState(false);
  const editButton = useRef<HTMLButtonElement>(null);
  const text = textOf(message);
  const giveUp = () => {
    setEditing(false);
    // Once it is there again.
    requestAnimationFrame(() => editButton.current?.focus());
  };
  const files = message.parts.flatMap((part) => (part.kind === 'file' ? [part.file] : []));
  if (isEditing) {
    return (
      <form
        className="question editing"
        onSubmit={(event) => {
          event.preventDefault();
          const changed = String(new FormData(event.currentTarget).get('text')).trim();
          if (!changed) return giveUp();
          setEditing(false);
          actions.edit(message.id, changed);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape') giveUp();
        }}
      >
        <textarea name="text" dir="auto" defaultValue={text} aria-label="Your message" autoFocus />
        <p className="buttons">
          <button type="button" className="plain" onClick={giveUp}>
            Cancel
          </button>
          <button className="primary">Ask again</button>
        </p>
      </form>
    );
  }
  return (
    <article className="question" aria-label="You">
      {files.length > 0 && (
        <ul className="files">
          {files.map((file, index) => (
            <li key={index}>
              <FileView file={file} />
            </li>
          ))}
        </ul>
      )}
      {text && <p dir="auto">{text}</p>}
      <button
        ref={editButton}
        className="quiet"
        disabled={isBusy}
        onClick={() => setEditing(true)}
      >
        Edit
      </button>
    </article>
  );
}

const ENDINGS: Record<NonNullable<Props['ending']>, string> = {
  cut: 'Cut off: the model may not write more in one answer.',
  filtered: 'Withheld by the model’s content filter.',
  failed: 'Not complete: it failed on the way.',
  incomplete: 'Not complete.',
};

function Answer({ message, isStreaming, isLast, isBusy, ending, actions, onShowWire }: Props) {
  const sources = message.parts.filter((part) => part.kind === 'source');
  return (
    <article className="answer" aria-label="Answer" data-streaming={isStreaming}>
      {message.parts.map((part, index) => (
        <PartView
          key={part.kind === 'tool' ? part.call.id : index}
          part={part}
          isGrowing={isStreaming && index === message.parts.length - 1}
          isLast={isLast}
          canAct={isLast && !isBusy}
          actions={actions}
        />
      ))}
      {sources.length > 0 && (
        <footer className="sources">
          <h3>Sources</h3>
          <ol>
            {sources.map(({ id, url, title }) => (
              <li key={id}>
                {url && /^https?:/.test(url) ? (
                  <a href={url} target="_blank" rel="noopener noreferrer nofollow">
                    {title}
                  </a>
                ) : (
                  title
                )}
              </li>
            ))}
          </ol>
        </footer>
      )}
      {!isStreaming && ending && <p className="ending">{ENDINGS[ending]}</p>}
      {!isStreaming && (
        <MessageFooter message={message} onShowWire={onShowWire}>
          {isLast && (
            <button className="quiet" disabled={isBusy} onClick={() => void actions.regenerate()}>
              Regenerate
            </button>
          )}
        </MessageFooter>
      )}
    </article>
  );
}

function PartView(props: {
  part: Part;
  isGrowing: boolean;
  isLast: boolean;
  canAct: boolean;
  actions: ToolActions;
}) {
  const { part, isGrowing } = props;
  switch (part.kind) {
    case 'text':
      return <Markdown text={part.text} isStreaming={isGrowing} />;
    case 'reasoning':
      return <Reasoning text={part.text} isGrowing={isGrowing} />;
    case 'file':
      return <FileView file={part.file} />;
    case 'tool':
      return (
        <ToolCallView
          call={part.call}
          isPassedOver={!props.isLast}
          canAct={props.canAct}
          actions={props.actions}
        />
      );
    case 'notice':
      return <p className="notice">{part.text}</p>;
    case 'source':
      return null; // listed together, below the text
  }
}

/** Reasoning is open while it is being written, and closes when the answer begins. */
function Reasoning({ text, isGrowing }: { text: string; isGrowing: boolean }) {
  const [wish, setWish] = useState<boolean>();
  return (
    <details className="reasoning" open={wish ?? isGrowing}>
      <summary
        onClick={(event) => {
          event.preventDefault();
          setWish(!(wish ?? isGrowing));
        }}
      >
        {isGrowing ? 'Thinking' : 'Thought'}
      </summary>
      <p dir="auto">{text}</p>
    </details>
  );
}

export function FileView({ file }: { file: Attachment }) {
  if (file.mediaType.startsWith('image/')) {
    return <img className="picture" src={file.url} alt={file.name} />;
  }
  return (
    <span className="file">
      <b>{file.mediaType.split('/').at(-1)?.toUpperCase()}</b> {file.name}
    </span>
  );
}
