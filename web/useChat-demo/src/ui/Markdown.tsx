import { isValidElement, memo, useId, useRef, useState, type ReactNode } from 'react';
import ReactMarkdown, { type Components } from 'react-markdown';
import remarkGfm from 'remark-gfm';
import remend from 'remend';
import { copyText } from './copyText';
import { withDirection } from './withDirection';

/**
 * Markdown that may still be growing.
 *
 * A delta changes only the last block, so the others are not parsed again, as long as no block refers
 * to another one. `remend` closes what is
 * open at the end (`**bold`, a link, a table); otherwise it would flicker as source text.
 */
export const Markdown = memo(function Markdown(props: { text: string; isStreaming: boolean }) {
  const blocks = blocksOf(props.isStreaming ? closed(props.text) : props.text);
  return (
    <div className="markdown">
      {blocks.map((block, index) => (
        // Text grows at its end, so a block keeps its place.
        <Block key={index} text={block} />
      ))}
    </div>
  );
});

// Marks at the very end belong to a word that has not arrived yet.
const closed = (text: string) => remend(text.replace(/[*_~`]+$/, ''), { linkMode: 'text-only' });

const Block = memo(function Block({ text }: { text: string }) {
  // Footnotes of several answers have the same names.
  const clobberPrefix = `${useId()}-`;
  return (
    <ReactMarkdown
      remarkPlugins={[remarkGfm]}
      rehypePlugins={[withDirection]}
      remarkRehypeOptions={{ clobberPrefix, footnoteLabelProperties: { className: ['unseen'] } }}
      components={components}
    >
      {text}
    </ReactMarkdown>
  );
});

const components: Components = {
  // The model chose the address: it opens in a new tab and gets no information about this page.
  a: ({ href, children, id, 'aria-label': label }) => {
    // Such as `javascript:`.
    if (!href) return <span>{children}</span>;
    const names = { id, 'aria-label': label };
    if (href.startsWith('#')) return <Jump {...{ href, names }}>{children}</Jump>;
    return (
      <a href={href} target="_blank" rel="noopener noreferrer nofollow" {...names}>
        {children}
      </a>
    );
  },
  // The browser would fetch a picture unasked, and its address could leak what was said here.
  img: ({ src, alt }) =>
    src ? (
      <a href={String(src)} target="_blank" rel="noopener noreferrer nofollow">
        {alt || String(src)}
      </a>
    ) : (
      <span>{alt}</span>
    ),
  // The heading of footnotes has the same id in every answer.
  h2: ({ children, className, dir }) => (
    <h2 className={className} dir={dir}>
      {children}
    </h2>
  ),
  pre: ({ children }) => <Code>{children}</Code>,
  table: ({ children }) => (
    <div className="table" role="region" aria-label="Table" tabIndex={0}>
      <table>{children}</table>
    </div>
  ),
};

/** A footnote's link. The page's address holds the chat, so the link leaves it alone. */
function Jump(props: { href: string; names: object; children?: ReactNode }) {
  return (
    <a
      href={props.href}
      {...props.names}
      onClick={(event) => {
        event.preventDefault();
        const target = document.getElementById(decodeURIComponent(props.href.slice(1)));
        target?.scrollIntoView({ block: 'nearest' });
        // A footnote itself takes no focus.
        (target?.matches('a') ? target : target?.querySelector('a'))?.focus({ preventScroll: true });
      }}
    >
      {props.children}
    </a>
  );
}

function Code({ children }: { children?: ReactNode }) {
  const pre = useRef<HTMLPreElement>(null);
  const [copied, setCopied] = useState<boolean>();
  const className = isValidElement<{ className?: string }>(children) && children.props.className;
  const language = /language-(\S+)/.exec(className || '')?.[1];

  async function copy() {
    setCopied(await copyText(pre.current?.textContent ?? ''));
    setTimeout(() => setCopied(undefined), 1500);
  }

  return (
    <figure className="code">
      <figcaption>
        <span>{language ?? 'text'}</span>
        <button className="quiet" onClick={() => void copy()}>
          {copied === undefined ? 'Copy' : copied ? 'Copied' : 'Select it to copy'}
        </button>
      </figcaption>
      <pre ref={pre} tabIndex={0} dir="ltr">
        {children}
      </pre>
    </figure>
  );
}

// `[name]: address` and `[^1]: note`, which count for the whole text.
const DEFINITION = /^ {0,3}\[[^\]\n]+\]:/m;

/** Cut Markdown at blank lines, except inside fenced code and lists. */
function blocksOf(text: string): string[] {
  if (DEFINITION.test(text)) return [text];
  const blocks: string[] = [];
  let fence = '';
  let isList = false;
  let isBehindBlank = true;
  for (const line of text.split('\n')) {
    const isBlank = line.trim() === '';
    const isItem = /^ {0,3}([-*+]|\d{1,9}[.)])(\s|$)/.test(line);
    const goesOn = fence !== '' || isBlank || (isList && (isItem || /^\s/.test(line)));
    if (isBehindBlank && !goesOn) {
      blocks.push(line);
      isList = isItem;
    } else {
      blocks.push(`${blocks.pop() ?? ''}\n${line}`);
    }
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1] ?? '';
    if (fence === '') fence = mark;
    else if (mark.startsWith(fence) && line.trim() === mark) fence = '';
    isBehindBlank = isBlank;
  }
  return blocks;
}
