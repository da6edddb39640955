import { createElement, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { Later, useLater } from './later';

const temml = new Later(async () => {
  const [{ default: loaded }] = await Promise.all([import('temml'), import('./formula.css')]);
  return loaded;
});

/**
 * A formula in TeX, with its marks, as MathML, which screen readers read. What is no TeX, or is not
 * complete yet, is shown as it is.
 */
export function Formula({ source, isOpen = false }: { source: string; isOpen?: boolean }) {
  const renderer = useLater(temml);
  const isDisplayed = source.startsWith('\\[');
  const tree = useMemo(() => {
    if (!renderer || isOpen) return undefined;
    try {
      // Its public functions make markup, or elements with attributes for styles.
      // oxlint-disable-next-line no-underscore-dangle
      return renderer.__renderToMathMLTree(source.slice(2, -2), {
        displayMode: isDisplayed,
        throwOnError: true,
        // In em: a formula does not cover the page.
        maxSize: [30, 30],
      }) as Tree;
    } catch {
      return undefined;
    }
  }, [renderer, source, isDisplayed, isOpen]);
  if (tree === undefined) return <code className="formula-source">{source}</code>;
  return isDisplayed ? <Displayed>{drawn(tree, 0)}</Displayed> : drawn(tree, 0);
}

/** A formula on a line of its own. What is wider than the line is scrolled, also by keyboard. */
function Displayed({ children }: { children: ReactNode }) {
  const place = useRef<HTMLSpanElement>(null);
  const [isWide, setWide] = useState(false);
  useEffect(() => {
    const element = place.current;
    const formula = element?.firstElementChild;
    if (!element || !formula) return;
    const observer = new ResizeObserver(() => {
      setWide(element.scrollWidth > element.clientWidth);
    });
    observer.observe(element);
    observer.observe(formula);
    return () => observer.disconnect();
  }, []);
  const scrolls = isWide && { tabIndex: 0, role: 'group', 'aria-label': 'Formula' };
  return (
    <span ref={place} className="formula" {...scrolls}>
      {children}
    </span>
  );
}

/** What Temml makes of a formula: elements, fragments, and texts. */
interface Tree {
  type?: string;
  attributes?: Record<string, unknown>;
  classes?: string[];
  style?: Record<string, string>;
  children?: Tree[];
  text?: string;
}

/**
 * Return the tree as React's elements. Their styles are set by script: attributes of that name, as Temml
 * writes them into markup, are refused by a strict content security policy.
 */
function drawn(
  { type, attributes, classes = [], style, children = [], text }: Tree,
  key: number,
): ReactNode {
  if (text !== undefined) return text;
  const within = children.map(drawn);
  if (type === undefined) return within;
  const { style: declared = '', ...others } = attributes ?? {};
  return createElement(
    type,
    {
      key,
      ...others,
      className: classes.filter(Boolean).join(' ') || undefined,
      style: { ...declarations(String(declared)), ...style },
    },
    ...within,
  );
}

/** Return `text-align: left;` as an object. */
function declarations(text: string): Record<string, string> {
  const pairs = text.split(';').map((one) => one.split(':'));
  return Object.fromEntries(
    pairs.flatMap(([name = '', value]) => {
      return value === undefined
        ? []
        : [[name.trim().replace(/-(.)/g, (_, letter) => letter.toUpperCase()), value.trim()]];
    }),
  );
}
