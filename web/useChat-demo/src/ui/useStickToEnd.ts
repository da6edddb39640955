import { useLayoutEffect, useRef, useState } from 'react';

/** Keep a box scrolled to its end while it grows and `isOn` holds, until the user scrolls up. */
export function useStickToEnd<E extends HTMLElement>(isOn: boolean) {
  const ref = useRef<E>(null);
  const [isAtEnd, setAtEnd] = useState(true);
  const sticks = useRef(true);

  useLayoutEffect(() => {
    const box = ref.current;
    if (box && isOn && sticks.current) box.scrollTop = box.scrollHeight;
  });

  const onScroll = () => {
    const box = ref.current;
    if (!box) return;
    sticks.current = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    setAtEnd(sticks.current);
  };
  const goToEnd = () => {
    const box = ref.current;
    sticks.current = true;
    if (box) box.scrollTop = box.scrollHeight;
  };
  return { ref, isAtEnd, onScroll, goToEnd };
}
