// Mounts a hook in a real React tree and lets a flow wait for what it renders.
import './dom.mjs';
import { createElement } from 'react';
import { createRoot } from 'react-dom/client';

// Long enough for a slow machine; a flow that waits this long has failed.
const PATIENCE_MS = 20_000;

/**
 * Render a component that calls `useHook` and return a view of it.
 *
 * `current` is what the hook returned last, `lengths` the distinct lengths of the last assistant
 * message's text, in the order in which they were rendered.
 */
export function mount(useHook, textOf) {
  const root = createRoot(document.createElement('div'));
  const view = { current: undefined, lengths: [], renders: 0, wake: () => {} };
  function Component() {
    view.current = useHook();
    view.renders += 1;
    const length = textOf(view.current).length;
    if (length !== view.lengths.at(-1)) view.lengths.push(length);
    queueMicrotask(() => view.wake());
    return null;
  }
  root.render(createElement(Component));
  view.until = async (condition, what) => {
    const end = Date.now() + PATIENCE_MS;
    while (!(view.current && condition(view.current))) {
      const left = end - Date.now();
      if (left <= 0) throw new Error(`waited in vain for ${what}: ${describe(view.current)}`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, 200));
        view.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return view.current;
  };
  view.unmount = () => root.unmount();
  return view;
}

function describe(hook) {
  if (!hook) return 'nothing was rendered';
  const { status, error, messages, completion, object } = hook;
  return JSON.stringify({ status, error: error?.message, messages, completion, object });
}
