import { useEffect, useEffectEvent, useRef, useState, type ReactNode } from 'react';
import { ACCEPTED, readFiles } from '../chat/attachments';
import type { Attachment } from '../chat/conversation';
import { DRAFTS } from '../signIn';
import { Icon } from './Icon';
import { FileView } from './FileView';

const DOUBLE_CLICK_MS = 500;

/** The text of a message that has not been sent: it is there again when its chat is. */
function useDraft(draftOf: string): [string, (text: string) => void] {
  const key = DRAFTS + draftOf;
  const [text, setText] = useState(() => sessionStorage.getItem(key) ?? '');
  const change = (changed: string) => {
    setText(changed);
    if (changed) sessionStorage.setItem(key, changed);
    else sessionStorage.removeItem(key);
  };
  return [text, change];
}

/** The input box. Files are added by button, by paste, or by dropping them anywhere on the chat. */
export function Composer(props: {
  /** Which chat the text is kept for until it is sent. */
  draftOf: string;
  isBusy: boolean;
  /** The largest request that the server takes. */
  mostBodyBytes: number;
  onSend(text: string, files: Attachment[]): void;
  onStop(): void;
  /** Stands below the text. */
  children?: ReactNode;
}) {
  const { isBusy, onSend, onStop } = props;
  const [text, setText] = useDraft(props.draftOf);
  const [files, setFiles] = useState<Attachment[]>([]);
  const [problem, setProblem] = useState<string>();
  const [isReading, setReading] = useState(false);
  const [isOver, setOver] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const clickedAt = useRef(-Infinity);
  const chooser = useRef<HTMLInputElement>(null);
  const canSend = !isBusy && !isReading && (text.trim() !== '' || files.length > 0);

  async function attach(chosen: Iterable<File>) {
    setReading(true);
    try {
      const read = await readFiles(chosen, files, props.mostBodyBytes);
      setFiles((before) => [...before, ...read]);
      setProblem(undefined);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
    setReading(false);
    field.current?.focus();
  }

  function send() {
    if (!canSend) return;
    onSend(text.trim(), files);
    setText('');
    setFiles([]);
    setProblem(undefined);
    field.current?.focus();
  }

  useEffect(() => {
    // Do not take the focus from a user who moves through the switch above with the arrow keys.
    if (!document.activeElement?.matches('[type="radio"]')) field.current?.focus();
  }, []);

  // A file dropped beside the box would replace the page, so the whole window accepts it.
  const attachDropped = useEffectEvent((dropped: Iterable<File>) => void attach(dropped));
  useEffect(() => {
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') === true;
    const over = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(false);
      attachDropped(event.dataTransfer?.files ?? []);
    };
    addEventListener('dragover', over);
    addEventListener('dragleave', leave);
    addEventListener('drop', drop);
    return () => {
      removeEventListener('dragover', over);
      removeEventListener('dragleave', leave);
      removeEventListener('drop', drop);
    };
  }, []);

  return (
    <form
      className="composer"
      data-over={isOver}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      {isReading && <p className="notice">Reading the file</p>}
      {files.length > 0 && (
        <ul className="files" aria-label="Attached">
          {files.map((file, index) => (
            <li key={index}>
              <FileView file={file} />
              <button
                type="button"
                className="quiet"
                onClick={() => setFiles(files.filter((other) => other !== file))}
                aria-label={`Remove ${file.name}`}
              >
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
      <div className="row">
        <button
          type="button"
          className="quiet"
          onClick={() => chooser.current?.click()}
          aria-label="Attach a picture or a PDF"
        >
          <Icon name="attach" />
        </button>
        <input
          ref={chooser}
          type="file"
          hidden
          multiple
          accept={ACCEPTED}
          onChange={(event) => {
            void attach([...(event.target.files ?? [])]);
            event.target.value = ''; // the same file may be chosen again
          }}
        />
        <textarea
          ref={field}
          rows={1}
          dir="auto"
          value={text}
          placeholder={isOver ? 'Drop it' : 'Write a message'}
          aria-label="Message"
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            // While an input method composes a character, Enter completes the character.
            if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
              event.preventDefault();
              send();
            } else if (event.key === 'Escape' && isBusy) {
              onStop();
            }
          }}
          onPaste={(event) => {
            const pasted = [...event.clipboardData.files];
            if (pasted.length === 0) return;
            event.preventDefault();
            void attach(pasted);
          }}
        />
        {isBusy ? (
          <button
            type="button"
            className="send"
            onClick={() => {
              // The second click of a double click on Send, whose place this button has taken.
              if (performance.now() - clickedAt.current < DOUBLE_CLICK_MS) return;
              onStop();
              field.current?.focus();
            }}
            aria-label="Stop"
          >
            <Icon name="stop" />
          </button>
        ) : (
          <button
            className="send"
            disabled={!canSend}
            onClick={() => {
              clickedAt.current = performance.now();
            }}
            aria-label="Send"
          >
            <Icon name="send" />
          </button>
        )}
      </div>
      {props.children}
    </form>
  );
}
