import { useEffect, useRef } from 'react';

/**
 * Call `resume` once, if `isOn` holds as the chat is opened.
 *
 * React's StrictMode mounts everything twice, and a hook that is unmounted aborts its request. So this
 * waits until the second mount is over.
 */
export function useResume(isOn: boolean, resume: () => void): void {
  const first = useRef({ isOn, resume });
  useEffect(() => {
    if (!first.current.isOn) return;
    let isHere = true;
    queueMicrotask(() => {
      if (isHere) first.current.resume();
    });
    return () => {
      isHere = false;
    };
  }, []);
}
