// Mounts a hook in a real React tree and lets a flow wait for what it renders.
import './dom.mjs';
import { AsyncLocalStorage } from 'node:async_hooks';
import { createElement } from 'react';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';
import { recordWire } from './wire.mjs';

// A flow that waits this long has failed. On spoilt bytes that is what it should do, and soon.
const PATIENCE_MS = Number(process.env.PATIENCE_MS ?? 60_000);
const SPOILT_PATIENCE_MS = Number(process.env.SPOILT_PATIENCE_MS ?? PATIENCE_MS);
/** Holds true within a flow whose bytes a trap has spoilt. */
export const isSpoilt = new AsyncLocalStorage();
// More than any flow has a reason for: the client posts for ever.
const MOST_POSTS = 10;

let mounted = 0;

/**
 * Render a component that calls `useHook(wire)` and return a view of it.
 *
 * `current` is what the hook returned last, `lengths` the distinct lengths of `textOf(current)` and
 * `seen` the last message, at each render; `wire` is what went over the network. `until` fails as soon
 * as the hook has an error, unless that is `expected`; `refresh` renders at once; `unmount` leaves.
 */
export function mount(useHook, textOf) {
  mounted += 1;
  // The hooks of AI SDK 3.4 and 4 share their state by React's own ids.
  const options = { identifierPrefix: `view${mounted}-` };
  const root = createRoot(document.createElement('div'), options);
  const wire = recordWire();
  const view = { current: undefined, lengths: [], seen: [], wire, wake: () => {} };
  function Component() {
    view.current = useHook(wire);
    const length = textOf(view.current).length;
    if (length !== view.lengths.at(-1)) view.lengths.push(length);
    const last = view.current.messages?.at(-1);
    // A copy, since some clients go on writing into the message that they have handed out.
    if (last) view.seen.push(structuredClone(last));
    queueMicrotask(() => view.wake());
    return null;
  }
  root.render(createElement(Component));
  // What the hook knows by now, without waiting for React to find the time.
  view.refresh = () => flushSync(() => root.render(createElement(Component)));
  view.unmount = () => root.unmount();
  view.until = async (condition, what, expected = false) => {
    const end = Date.now() + (isSpoilt.getStore() ? SPOILT_PATIENCE_MS : PATIENCE_MS);
    while (!(view.current && condition(view.current))) {
      const left = end - Date.now();
      const failed = expected ? undefined : view.current?.error;
      if (left <= 0 || failed || wire.posts().length > MOST_POSTS) {
        throw new Error(`waited in vain for ${what}: ${describe(view)}`, { cause: failed });
      }
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
  return view;
}

function describe(view) {
  if (!view.current) return 'nothing was rendered';
  const { status, isLoading, error, messages, completion, object } = view.current;
  const posts = view.wire.posts().length;
  const state = { status, isLoading, error: error?.message, posts, messages, completion, object };
  return JSON.stringify(state).slice(0, 3000);
}
