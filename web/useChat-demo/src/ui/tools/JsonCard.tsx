import { useState } from 'react';
import { CodeBlock } from '../markdown/CodeBlock';
import { FileView } from '../FileView';
import type { CardProps } from './card';
import { filesOf } from './toolFiles';
import { isObject } from './values';

/** What any tool was asked and what it gave, as JSON: its size and how it begins, and all of it when opened. */
export function JsonCard({ call }: CardProps) {
  const { files, rest } = filesOf(call.output);
  const hasOutput = call.state === 'done' || call.state === 'running';
  return (
    <>
      {hasOutput && (
        <Json value={rest} label={call.state === 'done' ? 'Output' : 'Output so far'} />
      )}
      {hasOutput && files.length > 0 && (
        <ul className="files" aria-label="Files">
          {files.map((file, index) => (
            <li key={index}>
              <a href={file.url} download={file.name} aria-label={`Save ${file.name}`}>
                <FileView file={file} />
              </a>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** A value as JSON, closed until somebody wants to see it. */
export function Json({ value, label }: { value: unknown; label: string }) {
  const [isOpen, setOpen] = useState(false);
  if (value === undefined || value === null || isEmpty(value)) return null;
  const brief = typeof value === 'string' ? value : JSON.stringify(value);
  return (
    <details
      className="json"
      aria-label={label}
      open={isOpen}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>
        <b>{label}</b> <small>{sizeOf(brief)}</small> <code>{beginningOf(brief)}</code>
      </summary>
      {isOpen && <CodeBlock language="json" code={JSON.stringify(value, null, 2)} />}
    </details>
  );
}

const isEmpty = (value: unknown) => isObject(value) && Object.keys(value).length === 0;

// Characters that are put into the page of what is closed; the window cuts off what does not fit.
const MOST_SHOWN = 200;
const beginningOf = (text: string) =>
  text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;

function sizeOf(text: string): string {
  const bytes = new TextEncoder().encode(text).length;
  return bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(1)} kB`;
}
