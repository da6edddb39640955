import { isValidElement, memo, useRef, useState, type ReactNode } from 'react';
import ReactMarkdown, { type Components } from 'react-markdown';
import remarkGfm from 'remark-gfm';
import remend from 'remend';

/**
 * Markdown that may still be growing.
 *
 * A delta changes only the last block, so the others are not parsed again. `remend` closes what is
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
  return (
    <ReactMarkdown remarkPlugins={[remarkGfm]} components={components}>
      {text}
    </ReactMarkdown>
  );
});

const components: Components = {
  // The model chose the address: it opens in a new tab and gets no information about this page.
  a: ({ href, children }) => (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  ),
  // The browser would fetch a picture unasked, and its address could leak what was said here.
  img: ({ src, alt }) => (
    <a href={String(src)} target="_blank" rel="noopener noreferrer nofollow">
      {alt || String(src)}
    </a>
  ),
  pre: ({ children }) => <Code>{children}</Code>,
  table: ({ children }) => (
    <div className="table" role="region" aria-label="Table" tabIndex={0}>
      <table>{children}</table>
    </div>
  ),
};

function Code({ children }: { children?: ReactNode }) {
  const pre = useRef<HTMLPreElement>(null);
  const [isCopied, setCopied] = useState(false);
  const className = isValidElement<{ className?: string }>(children) && children.props.className;
  const language = /language-(\S+)/.exec(className || '')?.[1];

  async function copy() {
    await navigator.clipboard.writeText(pre.current?.textContent ?? '');
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  }

  return (
    <figure className="code">
      <figcaption>
        <span>{language ?? 'text'}</span>
        <button className="quiet" onClick={() => void copy()}>
          {isCopied ? 'Copied' : 'Copy'}
        </button>
      </figcaption>
      <pre ref={pre} tabIndex={0}>
        {children}
      </pre>
    </figure>
  );
}

/** Cut Markdown at blank lines, except inside fenced code and lists. */
function blocksOf(text: string): string[] {
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
