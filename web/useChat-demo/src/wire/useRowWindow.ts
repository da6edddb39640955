import { useLayoutEffect, useState, type RefObject } from 'react';

// Rows above and below the box that are there already when it is scrolled.
const SPARE = 8;

/** The row that is opened, and by how many pixels that makes it higher. */
export interface OpenRow {
  index: number;
  more: number;
}

/** Where rows are that all have one height, but for the one that is opened. */
export interface RowWindow {
  first: number;
  /** The row after the last one. */
  end: number;
  topOf(index: number): number;
  height: number;
}

/**
 * Return which rows of a long list are in view. Only they are in the page, so a list of thousands costs
 * what a list of fifty costs.
 *
 * `box` scrolls; `isAtEnd`: it is kept at its end, wherever it is now.
 */
export function useRowWindow(
  box: RefObject<HTMLElement | null>,
  count: number,
  rowHeight: number,
  isAtEnd: boolean,
  open: OpenRow | undefined,
): RowWindow {
  const [view, setView] = useState({ top: 0, height: 600 });
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const look = () => {
      const { scrollTop: top, clientHeight: height } = element;
      setView((before) =>
        before.top === top && before.height === height ? before : { top, height },
      );
    };
    look();
    const sizes = new ResizeObserver(look);
    sizes.observe(element);
    element.addEventListener('scroll', look, { passive: true });
    return () => {
      sizes.disconnect();
      element.removeEventListener('scroll', look);
    };
  }, [box]);

  const topOf = (index: number) => index * rowHeight + (open && index > open.index ? open.more : 0);
  const rowAt = (y: number) => {
    const above = open ? (open.index + 1) * rowHeight : Infinity;
    // Within what is opened it is the opened row.
    const row = y < above ? y : Math.max(above - 1, y - (open?.more ?? 0));
    return Math.floor(row / rowHeight);
  };
  const height = topOf(count);
  const top = isAtEnd ? Math.max(0, height - view.height) : view.top;
  return {
    first: Math.max(0, Math.min(count, rowAt(top)) - SPARE),
    end: Math.min(count, rowAt(top + view.height) + 1 + SPARE),
    topOf,
    height,
  };
}
