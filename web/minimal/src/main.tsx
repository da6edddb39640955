import type { UIMessage } from 'ai';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App';
import './style.css';

interface Kept {
  messages: UIMessage[];
  /** What runs now; its message is not among the others but comes with its stream. */
  turn: object | null;
}

// The chat's id is in the page's address, so that a reload finds what the server keeps of it.
const named = location.hash.slice(1);
const id = named || `chat-${Math.random().toString(36).slice(2)}`;
history.replaceState(null, '', `#${id}`);

const response = named ? await fetch(`/api/chats/${id}`) : undefined;
// 404: there is no such chat, or the server keeps none.
const kept: Kept = response?.ok ? await response.json() : { messages: [], turn: null };

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App id={id} kept={kept.messages} isRunning={kept.turn !== null} />
  </StrictMode>,
);
