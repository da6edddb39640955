import { memo, useMemo, useRef, useState } from 'react';
import { copyText } from '../copyText';
import type { Line } from './Highlighter';
import { Later, useLater } from './later';

const highlighting = new Later(() => import('./highlighting'));

/** Code, which may still be growing, in the colours of its language. */
export function CodeBlock({ code, language }: { code: string; language: string }) {
  const loaded = useLater(highlighting);
  const mode = useLater(loaded?.modeOf(language));
  // It remembers what it has read, which changes nothing of what it returns.
  const highlighter = useMemo(() => loaded && new loaded.Highlighter(mode), [loaded, mode]);
  const shown = highlighter?.read(code);
  return (
    <figure className="code">
      <figcaption>
        <span>{language || 'text'}</span>
        <CopyCode code={code} />
      </figcaption>
      <pre tabIndex={0} dir="ltr">
        <code>
          {shown ? (
            <>
              {shown.groups.map((lines, index) => (
                <Lines key={index} lines={lines} />
              ))}
              <LineView line={shown.last} />
            </>
          ) : (
            code
          )}
        </code>
      </pre>
    </figure>
  );
}

function CopyCode({ code }: { code: string }) {
  const [copied, setCopied] = useState<boolean>();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  async function copy() {
    setCopied(await copyText(code));
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setCopied(undefined), 1500);
  }

  return (
    <button className="quiet" onClick={() => void copy()}>
      {copied === undefined ? 'Copy' : copied ? 'Copied' : 'Select it to copy'}
    </button>
  );
}

/** Finished lines, which the browser lays out once. */
const Lines = memo(function Lines({ lines }: { lines: Line[] }) {
  return (
    <span className="lines">
      {lines.map((line, index) => (
        <LineView key={index} line={line} />
      ))}
    </span>
  );
});

const LineView = memo(function LineView({ line }: { line: Line }) {
  return line.map(({ text, kind }, index) =>
    kind ? (
      <span key={index} className={`code-${kind}`}>
        {text}
      </span>
    ) : (
      text
    ),
  );
});
