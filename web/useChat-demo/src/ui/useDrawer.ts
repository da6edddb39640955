import { useEffect, useRef, useState } from 'react';

export interface Drawer {
  isOpen: boolean;
  open(): void;
  close(): void;
  toggle(): void;
  /** Close it where it lies over the chat; beside the chat it stays. */
  closeOverlay(): void;
  /** Of the drawer itself: focus goes there when it opens over the chat. */
  ref: React.RefObject<HTMLElement | null>;
  /** Of the button that opens it: focus comes back. */
  buttonRef: React.RefObject<HTMLButtonElement | null>;
}

/** A panel that has its place beside the chat where `wide` matches, and lies over it elsewhere. */
export function useDrawer(wide: string): Drawer {
  const [isOpen, setOpen] = useState(() => matchMedia(wide).matches);
  const ref = useRef<HTMLElement>(null);
  const buttonRef = useRef<HTMLButtonElement>(null);
  const isOverlay = () => !matchMedia(wide).matches;

  const open = () => {
    setOpen(true);
    if (isOverlay()) requestAnimationFrame(() => ref.current?.querySelector('button')?.focus());
  };
  const close = () => {
    if (ref.current?.contains(document.activeElement)) buttonRef.current?.focus();
    setOpen(false);
  };

  useEffect(() => {
    const query = matchMedia(wide);
    const follow = () => setOpen(query.matches);
    query.addEventListener('change', follow);
    return () => query.removeEventListener('change', follow);
  }, [wide]);

  useEffect(() => {
    if (!isOpen) return;
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && isOverlay()) close();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  });

  return {
    isOpen,
    open,
    close,
    toggle: isOpen ? close : open,
    closeOverlay: () => isOverlay() && close(),
    ref,
    buttonRef,
  };
}
