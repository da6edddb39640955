import { lazy, memo, Suspense, useRef, useState, type ComponentType } from 'react';
import { textOf, type Ending, type Message, type Part, type Versioned } from '../chat/conversation';
import type { Version } from '../chat/versions';
import { FileView } from './FileView';
import { MessageFooter } from './MessageFooter';
import { QuestionEditor } from './QuestionEditor';
import { CopyButton, Toolbar, ToolbarButton, VersionSwitch } from './Toolbar';
import type { ToolActions } from './tools/card';
import { ToolCard } from './tools/ToolCard';

// A fifth of the page's script, and nobody has an answer before it is here.
const loadMarkdown = () => import('./markdown/Markdown');
type Drawn = ComponentType<{ text: string; isStreaming: boolean }>;
const Markdown = lazy(async (): Promise<{ default: Drawn }> => {
  try {
    return { default: (await loadMarkdown()).Markdown };
  } catch {
    // The page has been deployed anew, or the network is away.
    return { default: Unformatted };
  }
});
// Who types or presses anything will soon have an answer.
for (const sign of ['keydown', 'pointerdown']) {
  addEventListener(sign, () => void loadMarkdown().catch(() => {}), { once: true });
}

interface Props {
  message: Message;
  /** Whether the answer is being written now. */
  isStreaming: boolean;
  isLast: boolean;
  isBusy: boolean;
  /** Whether it belongs to a version that can only be read. */
  isPast: boolean;
  /** Why the answer is not what one expects. */
  ending?: Ending | 'incomplete' | 'stopped';
  /** At which place in the chat it stands, from 0. */
  place: number;
  version?: Version;
  actions: Pick<Versioned, 'edit' | 'regenerate' | 'showVersion'> & ToolActions & { goOn(): void };
  onShowWire(exchangeId: number): void;
}

/** One message. It renders again only when the message itself has changed. */
export const MessageView = memo(function MessageView(props: Props) {
  return props.message.role === 'user' ? <Question {...props} /> : <Answer {...props} />;
}, isSame);

// The actions are new functions on every render, but always do the same.
function isSame(before: Props, after: Props): boolean {
  const keys = ['message', 'isStreaming', 'isLast', 'isBusy', 'isPast', 'ending', 'place'] as const;
  return (
    keys.every((key) => before[key] === after[key]) &&
    before.version?.number === after.version?.number &&
    before.version?.of === after.version?.of
  );
}

function Question({ message, isBusy, isPast, place, version, actions }: Props) {
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
      <QuestionEditor
        text={text}
        onGiveUp={giveUp}
        onAsk={(changed) => {
          setEditing(false);
          actions.edit(message.id, changed);
        }}
      />
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
      <Toolbar label="Your message">
        {version && <Versions {...{ version, place, isBusy, actions }} />}
        {text && <CopyButton text={text} name="Copy message" />}
        <ToolbarButton
          buttonRef={editButton}
          icon="edit"
          name="Edit"
          disabled={isBusy || isPast}
          onPress={() => setEditing(true)}
        />
      </Toolbar>
    </article>
  );
}

const ENDINGS: Record<NonNullable<Props['ending']>, string> = {
  cut: 'Cut off: the model may not write more in one answer.',
  filtered: 'Withheld by the model’s content filter.',
  failed: 'Not complete: it failed on the way.',
  incomplete: 'Not complete.',
  stopped: 'Stopped.',
};

function Answer(props: Props) {
  const { message, isStreaming, isLast, isBusy, isPast, ending, place, version, actions } = props;
  const sources = message.parts.filter((part) => part.kind === 'source');
  const text = textOf(message);
  return (
    <article className="answer" aria-label="Answer" data-streaming={isStreaming}>
      {message.parts.map((part, index) => (
        <PartView
          key={part.kind === 'tool' ? part.call.id : index}
          part={part}
          isGrowing={isStreaming && index === message.parts.length - 1}
          isLast={isLast}
          canAct={isLast && !isBusy && !isPast}
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
      {!isStreaming && ending && (
        <p className="ending" data-ending={ending}>
          {ENDINGS[ending]}
          {isLast && ending !== 'filtered' && (
            <button className="plain" disabled={isBusy || isPast} onClick={actions.goOn}>
              Continue
            </button>
          )}
        </p>
      )}
      {isStreaming ? (
        // Its place, so that nothing jumps once the answer is whole.
        <div className="message-footer" aria-hidden="true" />
      ) : (
        <MessageFooter message={message} onShowWire={props.onShowWire}>
          <Toolbar label="This answer">
            {version && <Versions {...{ version, place, isBusy, actions }} />}
            {text && <CopyButton text={text} name="Copy answer" />}
            <ToolbarButton
              icon="again"
              name="Regenerate"
              disabled={isBusy || isPast}
              onPress={() => void actions.regenerate(message.id)}
            />
          </Toolbar>
        </MessageFooter>
      )}
    </article>
  );
}

function Versions(props: Pick<Props, 'place' | 'isBusy' | 'actions'> & { version: Version }) {
  return (
    <VersionSwitch
      version={props.version}
      disabled={props.isBusy}
      onShow={(number) => props.actions.showVersion(props.place, number)}
    />
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
      return (
        <Suspense fallback={null}>
          <Markdown text={part.text} isStreaming={isGrowing} />
        </Suspense>
      );
    case 'reasoning':
      return <Reasoning text={part.text} isGrowing={isGrowing} />;
    case 'file':
      return <FileView file={part.file} />;
    case 'tool':
      return (
        <ToolCard
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

/** A text as the model sent it. */
function Unformatted({ text }: { text: string }) {
  return (
    <p className="unformatted" dir="auto">
      {text}
    </p>
  );
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
