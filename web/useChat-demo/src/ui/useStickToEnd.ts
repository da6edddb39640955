import {
  useLayoutEffect,
  useRef,
  useState,
  type KeyboardEvent,
  type TouchEvent,
  type WheelEvent,
} from 'react';

// Who scrolls down to this distance from the end, in pixels, wants to follow it again.
const NEAR = 40;

/**
 * Keep a box scrolled to its end while it grows and `isOn` holds, until the user wants to go up.
 *
 * A box that grows with every token is sent to its end before a small step up becomes a scroll event.
 * So the wish counts, and a position above the one where the box was left.
 */
export function useStickToEnd<E extends HTMLElement>(isOn: boolean) {
  const ref = useRef<E>(null);
  const [isAtEnd, setAtEnd] = useState(true);
  const sticks = useRef(true);
  const leftAt = useRef(0);
  const touchedAt = useRef(0);

  const stick = (does: boolean) => {
    sticks.current = does;
    setAtEnd(does);
  };
  const moveToEnd = (box: E) => {
    box.scrollTop = box.scrollHeight;
    leftAt.current = box.scrollTop;
  };

  useLayoutEffect(() => {
    const box = ref.current;
    if (!box || !isOn || !sticks.current) return;
    // A box that has become shorter has moved by itself.
    const expected = Math.min(leftAt.current, box.scrollHeight - box.clientHeight);
    if (box.scrollTop < expected - 1) stick(false);
    else moveToEnd(box);
  });

  const release = () => {
    const box = ref.current;
    // What fits into the box cannot be scrolled.
    if (box && box.scrollTop > 0) stick(false);
  };
  const on = {
    onScroll: () => {
      const box = ref.current;
      if (!box) return;
      const isDown = box.scrollTop >= leftAt.current;
      leftAt.current = box.scrollTop;
      const distance = box.scrollHeight - box.scrollTop - box.clientHeight;
      if (!isDown && distance > 1) stick(false);
      else if (isDown && distance < NEAR) stick(true);
    },
    onWheel: ({ deltaY }: WheelEvent) => {
      if (deltaY < 0) release();
    },
    onTouchStart: ({ touches }: TouchEvent) => {
      touchedAt.current = touches[0]?.clientY ?? 0;
    },
    onTouchMove: ({ touches }: TouchEvent) => {
      const at = touches[0]?.clientY ?? 0;
      if (at > touchedAt.current) release();
      touchedAt.current = at;
    },
    onKeyDown: ({ key, target, currentTarget }: KeyboardEvent) => {
      if (target === currentTarget && /^(ArrowUp|PageUp|Home)$/.test(key)) release();
    },
  };
  const goToEnd = () => {
    stick(true);
    if (ref.current) moveToEnd(ref.current);
  };
  const letGo = () => stick(false);
  return { ref, isAtEnd, on, goToEnd, letGo };
}
