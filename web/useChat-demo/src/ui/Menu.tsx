import { useId, useRef, useState, type RefObject } from 'react';
import { titleOf, type Message } from '../chat/conversation';
import { chooseTheme, chosenTheme, type Theme } from '../theme';
import { Icon } from './Icon';

const THEMES: { id: Theme; name: string }[] = [
  { id: 'system', name: 'System' },
  { id: 'light', name: 'Light' },
  { id: 'dark', name: 'Dark' },
];

/** What is seldom needed: the theme, and chats as files. */
export function Menu(props: {
  /** The messages of the chat that is open. */
  shown: RefObject<Message[]>;
  onOpen(messages: unknown[]): void;
}) {
  const id = useId();
  const menu = useRef<HTMLDivElement>(null);
  const [problem, setProblem] = useState<string>();
  const [messages, setMessages] = useState<Message[]>([]);
  const close = () => menu.current?.hidePopover();

  async function attempt(act: () => Promise<void>) {
    try {
      setProblem(undefined);
      await act();
      close();
    } catch (error) {
      // Who changes his mind has not failed.
      if ((error as Error).name !== 'AbortError') setProblem((error as Error).message);
    }
  }

  return (
    <>
      <button className="quiet" popoverTarget={id} aria-label="Menu">
        <Icon name="menu" />
      </button>
      <div
        ref={menu}
        id={id}
        popover="auto"
        className="menu"
        role="group"
        aria-label="Menu"
        onToggle={() => {
          setMessages(props.shown.current);
          setProblem(undefined);
        }}
      >
        <ThemeSwitch />
        <button
          disabled={messages.length === 0}
          onClick={() => void attempt(() => save(messages, 'md'))}
        >
          Save as Markdown
        </button>
        <button
          disabled={messages.length === 0}
          onClick={() => void attempt(() => save(messages, 'json'))}
        >
          Save as JSON <small>this page opens it again</small>
        </button>
        {canShare() && (
          <button
            disabled={messages.length === 0}
            onClick={() => void attempt(() => share(messages))}
          >
            Share
          </button>
        )}
        <OpenButton
          onFile={(file) => void attempt(async () => props.onOpen(await messagesIn(file)))}
        />
        {problem && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
      </div>
    </>
  );
}

function ThemeSwitch() {
  const [theme, setTheme] = useState(chosenTheme);
  return (
    <fieldset className="switch">
      <legend className="unseen">Theme</legend>
      {THEMES.map(({ id, name }) => (
        <label key={id}>
          <input
            type="radio"
            name="theme"
            checked={theme === id}
            onChange={() => {
              chooseTheme(id);
              setTheme(id);
            }}
          />
          <span>{name}</span>
        </label>
      ))}
    </fieldset>
  );
}

function OpenButton({ onFile }: { onFile(file: File): void }) {
  const chooser = useRef<HTMLInputElement>(null);
  return (
    <>
      <button onClick={() => chooser.current?.click()}>Open a saved chat</button>
      <input
        ref={chooser}
        type="file"
        hidden
        accept=".json,application/json"
        onChange={(event) => {
          const [file] = event.target.files ?? [];
          if (file) onFile(file);
          event.target.value = ''; // the same file may be chosen again
        }}
      />
    </>
  );
}

// Most chats are never saved.
const savedChats = () => import('../chat/savedChat');

async function fileOf(messages: Message[], ending: 'md' | 'json'): Promise<File> {
  const { asJson, asMarkdown, nameOf } = await savedChats();
  const title = titleOf(messages);
  const [text, type] =
    ending === 'md'
      ? [asMarkdown(title, messages), 'text/markdown']
      : [asJson(title, messages), 'application/json'];
  return new File([text], `${nameOf(title)}.${ending}`, { type });
}

async function save(messages: Message[], ending: 'md' | 'json'): Promise<void> {
  const file = await fileOf(messages, ending);
  const url = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = url;
  link.download = file.name;
  link.click();
  // Once the browser has begun to read it.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

// Of the files that browsers share, a text is the one that all of them take.
const asText = (file: File) =>
  new File([file], file.name.replace(/md$/, 'txt'), { type: 'text/plain' });

function canShare(): boolean {
  const sample = new File([' '], 'chat.txt', { type: 'text/plain' });
  return navigator.canShare?.({ files: [sample] }) ?? false;
}

async function share(messages: Message[]): Promise<void> {
  await navigator.share({
    title: titleOf(messages),
    files: [asText(await fileOf(messages, 'md'))],
  });
}

async function messagesIn(file: File): Promise<unknown[]> {
  const { MOST_SAVED_BYTES, openSaved } = await savedChats();
  if (file.size > MOST_SAVED_BYTES) throw new Error('This file is larger than 32 MB.');
  return openSaved(await file.text());
}
