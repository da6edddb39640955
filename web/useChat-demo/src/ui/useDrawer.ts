import { useEffect, useRef, useState } from 'react';

export interface Drawer {
  isOpen: boolean;
  open(): void;
  close(): void;
  toggle(): void;
  /** Close the drawer if it lies over the chat; beside the chat it stays open. */
  closeOverlay(): void;
  /** The drawer's element, which gets the focus when it opens over the chat. */
  ref: React.RefObject<HTMLElement | null>;
  /** The element of the button that opens it, which gets the focus back. */
  buttonRef: React.RefObject<HTMLButtonElement | null>;
}

/** A panel beside the chat where `wide` matches, and over the chat elsewhere. */
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
    // What is left of the chat beside the drawer.
    const onPointer = ({ target }: PointerEvent) => {
      if (!isOverlay() || !(target instanceof Node)) return;
      if (!ref.current?.contains(target) && !buttonRef.current?.contains(target)) close();
    };
    addEventListener('keydown', onKey);
    addEventListener('pointerdown', onPointer);
    return () => {
      removeEventListener('keydown', onKey);
      removeEventListener('pointerdown', onPointer);
    };
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
