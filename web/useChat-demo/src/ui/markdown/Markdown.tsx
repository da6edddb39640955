import { isValidElement, memo, useId, useMemo, type ReactNode } from 'react';
import ReactMarkdown, { type Components } from 'react-markdown';
import remarkGfm from 'remark-gfm';
import remend from 'remend';
import { BlockReader, type Block } from './blocks';
import { CodeBlock } from './CodeBlock';
import { Formula } from './Formula';
import { Later, useLater } from './later';
import { withDirection } from './withDirection';

/**
 * Markdown that may still be growing.
 *
 * A delta changes only the last block, so the others are not parsed again, as long as no block refers
 * to another one; and code at the left margin is not parsed at all.
 */
export const Markdown = memo(function Markdown({
  text,
  isStreaming,
}: {
  text: string;
  isStreaming: boolean;
}) {
  // It remembers what it has read, which changes nothing of what it returns.
  const reader = useMemo(() => new BlockReader(), []);
  const blocks = reader.read(text, isStreaming);
  const last = blocks.length - 1;
  return (
    <div className="markdown">
      {blocks.map((block, index) => (
        // Text grows at its end, so a block keeps its place.
        <BlockView key={index} block={block} isGrowing={isStreaming && index === last} />
      ))}
    </div>
  );
});

function BlockView({ block, isGrowing }: { block: Block; isGrowing: boolean }) {
  switch (block.kind) {
    case 'prose':
      return <Prose text={isGrowing ? closed(block.text) : block.text} />;
    case 'code':
      return <CodeBlock code={block.text} language={block.language} />;
    case 'formula':
      return <Formula source={displayed(block.text)} isOpen={block.isOpen} />;
  }
}

/** Return a formula that stands alone with the marks of those that do. */
const displayed = (text: string) => {
  const source = text.trim();
  return source.startsWith('$$') && source.endsWith('$$') ? `\\[${source.slice(2, -2)}\\]` : source;
};

/**
 * Close what is open at the end (`**bold`, a link, a table), which would flicker as source text. Marks
 * at the very end belong to a word that has not arrived yet; a formula is left out until it is whole.
 */
function closed(text: string): string {
  const shown = text.slice(0, openFormulaIn(text)).replace(/[*_~`\\]+$/, '');
  return remend(shown, { linkMode: 'text-only', katex: false });
}

// What has not ended by then is none; characters.
const MOST_OPEN = 300;

/** Return where the formula begins that has no end yet, or the text's end. */
function openFormulaIn(text: string): number {
  const from = Math.max(0, text.length - MOST_OPEN);
  // What is in code is no formula, nor is what is whole.
  const left = text
    .slice(from)
    .replace(/`[^`]*`|\\\\|\\\([^]*?\\\)|\\\[[^]*?\\\]|\$\$[^$]+\$\$/g, (found) =>
      ' '.repeat(found.length),
    );
  const at = left.search(/\\[([]|\$\$/);
  return at < 0 ? text.length : from + at;
}

const formulas = new Later(async () => (await import('./formulas')).remarkFormulas);
const FORMULA = /\\[([]|\$\$/;

const Prose = memo(function Prose({ text }: { text: string }) {
  // Footnotes of several answers have the same names.
  const clobberPrefix = `${useId()}-`;
  const remarkFormulas = useLater(FORMULA.test(text) ? formulas : undefined);
  return (
    <ReactMarkdown
      remarkPlugins={remarkFormulas ? [remarkGfm, remarkFormulas] : [remarkGfm]}
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
      <a href={src} target="_blank" rel="noopener noreferrer nofollow">
        {alt || src}
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
  pre: ({ children }) => <CodeWithin>{children}</CodeWithin>,
  // From `formulas.ts`.
  ...({
    math: ({ children }: { children?: ReactNode }) => <Formula source={String(children)} />,
  } as Components),
  table: ({ children }) => (
    <div className="table" role="region" aria-label="Table" tabIndex={0}>
      <table>{children}</table>
    </div>
  ),
};

/** Code that Markdown has found: indented, in a list, or in a quotation. */
function CodeWithin({ children }: { children: ReactNode }) {
  if (!isValidElement<{ className?: string; children?: ReactNode }>(children)) return children;
  const { className = '', children: code = '' } = children.props;
  const language = /language-(\S+)/.exec(className)?.[1] ?? '';
  return <CodeBlock code={String(code)} language={language} />;
}

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
        (target?.matches('a') ? target : target?.querySelector('a'))?.focus({
          preventScroll: true,
        });
      }}
    >
      {props.children}
    </a>
  );
}
