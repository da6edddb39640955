import { memo, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { Icon } from '../ui/Icon';
import { useStickToEnd } from '../ui/useStickToEnd';
import type { Exchange } from './exchange';
import type { WirePart } from './parts';
import { Search } from './search';
import { shortened } from './shortened';
import { useRowWindow, type OpenRow, type RowWindow } from './useRowWindow';

// As in wire.css; the root's letters may be larger than 16 pixels.
const ROW_REM = 1.1875;

/** The parts of an answer, one in a row; the opened row shows its exact bytes. */
export function WireRows({ exchange }: { exchange: Exchange }) {
  const { parts, count, end } = exchange;
  const { ref, isAtEnd, on, goToEnd, letGo } = useStickToEnd<HTMLDivElement>(true);
  const [isRaw, setRaw] = useState(false);
  const [words, setWords] = useState('');
  /** The row that the keyboard is on. */
  const [active, setActive] = useState(-1);
  const [open, setOpen] = useState<OpenRow>();
  const wantsFocus = useRef(false);
  const [rowHeight] = useState(
    () => ROW_REM * parseFloat(getComputedStyle(document.documentElement).fontSize),
  );
  const shown = useRowWindow(ref, count, rowHeight, isAtEnd, open);
  const search = useMemo(() => new Search(parts, words), [parts, words]);
  const hits = search.hits(count);
  const hit = hits.indexOf(active);

  const go = (index: number) => {
    const to = Math.max(0, Math.min(count - 1, index));
    letGo();
    setActive(to);
    bringIntoView(ref.current, shown, to, rowHeight);
  };
  const find = (by: 1 | -1) => {
    if (hits.length === 0) return;
    // From where the keyboard is, and around.
    const after =
      by === 1 ? hits.findIndex((one) => one > active) : hits.findLastIndex((one) => one < active);
    go(hits.at(after < 0 ? (by === 1 ? 0 : -1) : after) ?? 0);
  };
  const move = (event: KeyboardEvent) => {
    const page = Math.max(1, shown.end - shown.first - 20);
    const by = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -count,
      End: count,
    }[event.key];
    if (by === undefined || !(event.target instanceof HTMLButtonElement)) return;
    event.preventDefault();
    wantsFocus.current = true;
    go(active + by);
  };
  const handlers = {
    ...on,
    onKeyDown: (event: KeyboardEvent) => {
      on.onKeyDown(event);
      move(event);
    },
  };
  const toggle = (index: number) => {
    letGo();
    setActive(index);
    setOpen((now) => (now?.index === index ? undefined : { index, more: 0 }));
  };

  useLayoutEffect(() => {
    const row = ref.current?.querySelector<HTMLElement>(`[data-row="${active}"] button`);
    if (wantsFocus.current && row) {
      wantsFocus.current = false;
      row.focus({ preventScroll: true });
    }
  });

  const rows = range(shown.first, shown.end);
  // What has the focus stays, wherever the list is scrolled.
  if (active >= 0 && active < shown.first) rows.unshift(active);
  if (active >= shown.end && active < count) rows.push(active);
  // The row that the Tab key comes to.
  const entry = active >= 0 ? active : Math.max(0, shown.end - 1);
  return (
    <>
      <div className="rows-tools">
        <label className="raw">
          <input type="checkbox" checked={isRaw} onChange={() => setRaw(!isRaw)} />
          Exact text
        </label>
        <input
          type="search"
          value={words}
          placeholder="Find a part"
          aria-label="Find a part"
          spellCheck={false}
          onChange={(event) => setWords(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter') find(event.shiftKey ? -1 : 1);
          }}
        />
        <span aria-live="polite">{words.trim() && found(hit, hits.length)}</span>
        {!isAtEnd && (
          <button className="follow" onClick={goToEnd}>
            <Icon name="down" /> To the end
          </button>
        )}
      </div>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- it scrolls, by keys too */}
      <div
        className="rows"
        ref={ref}
        {...handlers}
        tabIndex={0}
        role="group"
        aria-label="Parts of the answer, as they came"
        data-raw={isRaw}
        data-end={end?.how}
      >
        <ol style={{ height: shown.height }} aria-label="Parts of the answer">
          {rows.map((index) => {
            const part = parts[index];
            return (
              part && (
                <Row
                  key={index}
                  part={part}
                  index={index}
                  // Not known before the end.
                  setSize={end ? count : -1}
                  top={shown.topOf(index)}
                  isRaw={isRaw}
                  beginsRead={part.read < 0 || part.read !== parts[index - 1]?.read}
                  isEntry={index === entry}
                  isFound={index === active && hit >= 0}
                  isOpen={open?.index === index}
                  onFocus={setActive}
                  onToggle={toggle}
                  onGrow={(more) =>
                    setOpen((now) =>
                      now?.index === index && now.more !== more ? { index, more } : now,
                    )
                  }
                />
              )
            );
          })}
        </ol>
      </div>
    </>
  );
}

interface RowProps {
  part: WirePart;
  index: number;
  /** The number of rows; -1 while it grows. */
  setSize: number;
  top: number;
  isRaw: boolean;
  beginsRead: boolean;
  isEntry: boolean;
  isFound: boolean;
  isOpen: boolean;
  onFocus(index: number): void;
  onToggle(index: number): void;
  /** Told by how many pixels the row is higher than others. */
  onGrow(more: number): void;
}

const Row = memo(function Row(props: RowProps) {
  const { part, index, isRaw, isOpen, onGrow } = props;
  const bytes = useRef<HTMLPreElement>(null);
  useLayoutEffect(() => {
    if (isOpen && bytes.current) onGrow(bytes.current.offsetHeight);
  });
  return (
    <li
      style={{ top: props.top }}
      aria-posinset={index + 1}
      aria-setsize={props.setSize}
      data-row={index}
      data-kind={part.kind}
      data-begins-read={props.beginsRead}
      data-found={props.isFound}
    >
      <button
        type="button"
        tabIndex={props.isEntry ? 0 : -1}
        aria-expanded={isOpen}
        onFocus={() => props.onFocus(index)}
        onClick={() => props.onToggle(index)}
      >
        <time>{(part.at / 1000).toFixed(3)}</time>
        {isRaw ? (
          <code>{shortened(part.raw) || '⏎'}</code>
        ) : (
          <code>
            <b>{part.name}</b> {shortened(part.says)}
          </code>
        )}
      </button>
      {isOpen && (
        <pre ref={bytes} tabIndex={0} aria-label="Exact bytes">
          {shortened(part.raw) || '⏎'}
        </pre>
      )}
    </li>
  );
}, isSame);

// Its functions always do the same.
function isSame(before: RowProps, after: RowProps): boolean {
  const keys = [
    'part',
    'index',
    'setSize',
    'top',
    'isRaw',
    'beginsRead',
    'isEntry',
    'isFound',
    'isOpen',
  ] as const;
  return keys.every((key) => before[key] === after[key]);
}

function bringIntoView(
  box: HTMLElement | null,
  shown: RowWindow,
  index: number,
  rowHeight: number,
) {
  if (!box) return;
  const top = shown.topOf(index);
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + 2 * rowHeight > box.scrollTop + box.clientHeight) {
    box.scrollTop = top + 2 * rowHeight - box.clientHeight;
  }
}

const found = (hit: number, count: number) => {
  if (count === 0) return 'none';
  return hit < 0 ? `${count} found` : `${hit + 1} of ${count}`;
};

const range = (from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from) }, (_, n) => from + n);
