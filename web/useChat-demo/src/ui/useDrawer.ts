import { useEffect, useRef, useState } from 'react';

export interface Drawer {
  isOpen: boolean;
  open(): void;
  /** Open the drawer where it stands beside the chat, unless the user has chosen already. */
  openBeside(): void;
  close(): void;
  toggle(): void;
  /** Close the drawer if it lies over the chat; beside the chat it stays open. */
  closeOverlay(): void;
  /** The drawer's element, which gets the focus when it opens over the chat. */
  ref: React.RefObject<HTMLElement | null>;
  /** The element of the button that opens it, which gets the focus back. */
  buttonRef: React.RefObject<HTMLButtonElement | null>;
}

/**
 * A panel beside the chat where `wide` matches, and over the chat elsewhere. Beside the chat it is
 * open from the beginning if `opens` holds.
 */
export function useDrawer(wide: string, opens = true): Drawer {
  const [isOpen, setOpen] = useState(() => opens && matchMedia(wide).matches);
  /** Whether it is to be open where there is room. */
  const wanted = useRef(opens);
  const hasChosen = useRef(false);
  const ref = useRef<HTMLElement>(null);
  const buttonRef = useRef<HTMLButtonElement>(null);
  const isOverlay = () => !matchMedia(wide).matches;

  const choose = (isWanted: boolean) => {
    hasChosen.current = true;
    wanted.current = isWanted;
    setOpen(isWanted);
  };
  const open = () => {
    choose(true);
    if (isOverlay()) requestAnimationFrame(() => ref.current?.querySelector('button')?.focus());
  };
  const close = () => {
    if (ref.current?.contains(document.activeElement)) buttonRef.current?.focus();
    choose(false);
  };
  const openBeside = () => {
    if (hasChosen.current) return;
    wanted.current = true;
    if (!isOverlay()) setOpen(true);
  };

  useEffect(() => {
    const query = matchMedia(wide);
    const follow = () => setOpen(query.matches && wanted.current);
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
    openBeside,
    close,
    toggle: isOpen ? close : open,
    closeOverlay: () => isOverlay() && close(),
    ref,
    buttonRef,
  };
}
