import { useEffect, useEffectEvent, useRef, useState } from 'react';
import type { SignIn } from '../signIn';
import { BrowserChats } from './browserChats';
import type { Change, Generation } from './conversation';
import { forgetPaths } from './keptVersions';
import { NotSignedIn, type ServerChats } from './serverChats';

/** A line of the list. */
export interface ListedChat {
  id: string;
  title: string;
  changedAt: number;
  /** The client that it was made with, where that matters. */
  generation?: Generation;
}

/** An open chat. */
export interface OpenChat {
  id: string;
  /** Whether its messages are here; until then nothing can be said. */
  state: 'opening' | 'open';
  generation: Generation;
  messages: unknown[];
  /** Whether its last answer was unfinished when the user left the page. */
  wasOpen: boolean;
  /** Whether it is from a file, while the server goes on only with chats that it keeps. */
  isReadOnly?: boolean;
  /** Counts how often it was opened: each time it is another view of it. */
  opened: number;
}

/** Where chats are kept: by the server, or else by this browser. `asking`: the server has not told. */
export type Place = 'asking' | 'server' | 'browser';

// A page that comes back to the front, or to the network, looks again anyway.
const FIRST_TRY_MS = 500;
const LAST_TRY_MS = 16_000;

const GENERATION = 'deltaline.generation';

/** The list of chats, and the one that is open, whose id is in the page's address. */
export function useChats(signIn: SignIn, server: ServerChats) {
  const [place, setPlace] = useState<Place>('asking');
  const [chats, setChats] = useState<ListedChat[]>([]);
  const [problem, setProblem] = useState<string>();
  const [chat, setChat] = useState(firstChat);
  const [browser] = useState(() => new BrowserChats(setProblem));
  const latest = useRef({ place, chat, chats });
  useEffect(() => {
    latest.current = { place, chat, chats };
  });
  /** The last change of the open chat. */
  const change = useRef<Change>(undefined);
  /** The last chat that was asked for; what comes of an earlier one comes too late. */
  const wanted = useRef(chat.id);
  const isForgotten = useRef<string>(undefined);

  /** Ask the server what it keeps, and return where chats are kept. */
  async function refresh(): Promise<Place> {
    try {
      const kept = await server.list();
      if (server.keeps) setChats(kept);
      setProblem(undefined);
    } catch (error) {
      // Where chats are is told to those only who are signed in.
      if (error instanceof NotSignedIn) return latest.current.place;
      // A list that is here already only stays as it is.
      if (server.keeps && latest.current.place === 'asking') setProblem((error as Error).message);
    }
    const found = server.keeps ? 'server' : 'browser';
    if (found === 'browser') setChats(await browser.list(signIn.shelf));
    setPlace(found);
    return found;
  }

  function show(next: OpenChat) {
    change.current = undefined;
    setChat(next);
  }

  function showNew(generation: Generation) {
    const next = newChat(generation, latest.current.chat.opened);
    wanted.current = next.id;
    if (idInAddress()) history.replaceState(null, '', location.pathname + location.search);
    show(next);
  }

  /** Open a chat by its id, from where it is kept. */
  async function load(id: string, from: Place) {
    const { generation, opened } = latest.current.chat;
    if (from === 'browser') {
      const entry = (await browser.list(signIn.shelf)).find((one) => one.id === id);
      const messages = await browser.read(id);
      if (wanted.current !== id) return;
      if (!entry) return showNew(generation);
      const { isOpen: wasOpen } = entry;
      show({ ...entry, state: 'open', messages, wasOpen, opened: opened + 1 });
      return;
    }
    try {
      const kept = await server.read(id, generation);
      if (wanted.current !== id) return;
      setProblem(undefined);
      if (!kept) return showNew(generation);
      const { messages, isRunning: wasOpen } = kept;
      show({ id, state: 'open', generation, messages, wasOpen, opened: opened + 1 });
    } catch (error) {
      if (wanted.current === id) setProblem((error as Error).message);
    }
  }

  /** Leave the open chat for another one. */
  function follow(id: string, from: Place) {
    wanted.current = id;
    const { generation, opened } = latest.current.chat;
    if (from === 'server') show({ ...newChat(generation, opened), id, state: 'opening' });
    void load(id, from);
  }

  /** Show a chat that the server keeps as it is now, if that is another than it is here. */
  async function catchUp() {
    const { place: from, chat: shown } = latest.current;
    const here = change.current;
    if (from !== 'server' || here?.isOpen || shown.isReadOnly) return;
    if (shown.state === 'opening') return load(shown.id, from);
    try {
      const kept = await server.read(shown.id, shown.generation);
      const { chat: now } = latest.current;
      if (!kept || now !== shown || change.current !== here) return;
      if (
        !here?.isCutOff &&
        !kept.isRunning &&
        isSame(kept.messages, here?.messages ?? shown.messages)
      ) {
        return;
      }
      const { messages, isRunning: wasOpen } = kept;
      show({ ...shown, messages, wasOpen, opened: shown.opened + 1 });
    } catch {
      // What is shown stays; the next time will tell.
    }
  }

  const steady = useRef({ refresh, load, catchUp, follow });
  useEffect(() => {
    steady.current = { refresh, load, catchUp, follow };
  });

  const settle = useEffectEvent(async (isHere: () => boolean) => {
    const found = await steady.current.refresh();
    if (!isHere()) return;
    const { chat: shown } = latest.current;
    if (shown.state === 'opening') void steady.current.load(shown.id, found);
    else if (change.current) keep(shown, change.current, found);
  });
  const comeBack = useEffectEvent(() => {
    if (document.visibilityState !== 'visible' || server.keeps === false) return;
    void steady.current.refresh();
    void steady.current.catchUp();
  });
  const go = useEffectEvent(() => {
    const id = idInAddress();
    const { chat: shown, place: from } = latest.current;
    if (id === shown.id) return;
    if (id) steady.current.follow(id, from);
    else show(newChat(shown.generation, shown.opened));
  });

  useEffect(() => {
    let isHere = true;
    const begin = () => void settle(() => isHere);
    begin();
    // Who has just signed in has chats, too.
    let { token } = signIn.standing;
    const stopListening = signIn.subscribe(() => {
      if (signIn.standing.token !== token) begin();
      token = signIn.standing.token;
    });
    const onComeBack = () => comeBack();
    const onGo = () => go();
    document.addEventListener('visibilitychange', onComeBack);
    addEventListener('online', onComeBack);
    addEventListener('popstate', onGo);
    return () => {
      isHere = false;
      stopListening();
      document.removeEventListener('visibilitychange', onComeBack);
      removeEventListener('online', onComeBack);
      removeEventListener('popstate', onGo);
    };
  }, [signIn]);

  /** The connection broke: look now and then whether the server has more of the answer. */
  async function tryAgain(changed: Change, afterMs: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    if (change.current !== changed) return;
    await steady.current.catchUp();
    if (change.current === changed && afterMs < LAST_TRY_MS) void tryAgain(changed, 2 * afterMs);
  }

  function keep(of: OpenChat, changed: Change, from: Place) {
    const { id, generation } = of;
    if (isForgotten.current === id || of.isReadOnly) return;
    if (latest.current.chat.id === id) {
      change.current = changed;
      // The page's address holds the chat's id, so that a reload finds the chat again.
      if (idInAddress() !== id) history.replaceState(null, '', addressOf(id));
    }
    if (server.keeps) void steady.current.refresh();
    if (changed.isCutOff) void tryAgain(changed, FIRST_TRY_MS);
    if (server.keeps) return;
    if (from === 'browser') {
      const { messages, title, isOpen, isLeaving } = changed;
      const before = latest.current.chats.find((entry) => entry.id === id);
      // Opening a chat does not change it.
      const isOld = before !== undefined && messages.length === of.messages.length && !isOpen;
      const changedAt = isOld ? before.changedAt : Date.now();
      const entry = { id, title, generation, changedAt, isOpen };
      setChats(browser.keep(signIn.shelf, entry, messages, isLeaving));
    }
  }

  return {
    place,
    chats,
    chat,
    problem,
    keep: (of: OpenChat, changed: Change) => keep(of, changed, place),
    /** Begin a chat, with this client or with another one. */
    begin(generation: Generation = chat.generation) {
      sessionStorage.setItem(GENERATION, generation);
      const next = newChat(generation, chat.opened);
      wanted.current = next.id;
      if (idInAddress()) history.pushState(null, '', location.pathname + location.search);
      show(next);
    },
    /** Show a chat from a file; where this browser keeps chats, it is one of them from now on. */
    openSaved(messages: unknown[]) {
      const isReadOnly = place === 'server';
      const next = { ...newChat('7', chat.opened), messages, isReadOnly };
      wanted.current = next.id;
      if (!isReadOnly) history.pushState(null, '', addressOf(next.id));
      else if (idInAddress()) history.pushState(null, '', location.pathname + location.search);
      show(next);
    },
    /** Open a chat of the list. */
    open({ id }: ListedChat) {
      if (id === chat.id) return;
      wanted.current = id;
      history.pushState(null, '', addressOf(id));
      follow(id, place);
    },
    /** Read the open chat from the server again. */
    async reopen() {
      await load(chat.id, place);
    },
    async forget({ id }: ListedChat) {
      isForgotten.current = id;
      forgetPaths(id);
      if (place === 'browser') setChats(browser.forget(signIn.shelf, id));
      else {
        try {
          await server.forget(id);
          setChats((before) => before.filter((one) => one.id !== id));
        } catch (error) {
          isForgotten.current = undefined;
          setProblem((error as Error).message);
          return;
        }
      }
      if (latest.current.chat.id === id) showNew(chat.generation);
    },
  };
}

/** Return the chat that the page's address names, or a new one. */
function firstChat(): OpenChat {
  const kept = sessionStorage.getItem(GENERATION);
  const chat = newChat(kept === '4' ? '4' : '7', 0);
  const id = idInAddress();
  return id ? { ...chat, id, state: 'opening' } : chat;
}

function newChat(generation: Generation, opened: number): OpenChat {
  const id = newId();
  return { id, state: 'open', generation, messages: [], wasOpen: false, opened: opened + 1 };
}

/** Whether both end alike; a client of AI SDK 4 gives its own ids to questions. */
function isSame(kept: unknown[], shown: unknown[]): boolean {
  const answers = [kept, shown].map((messages) =>
    (messages as { id: string; role: string }[]).map(({ id, role }) =>
      role === 'user' ? role : id,
    ),
  );
  return JSON.stringify(answers[0]) === JSON.stringify(answers[1]);
}

const addressOf = (id: string) => `#${encodeURIComponent(id)}`;

function idInAddress(): string | undefined {
  try {
    return decodeURIComponent(location.hash.slice(1)) || undefined;
  } catch {
    return undefined; // not of our making
  }
}

// `crypto.randomUUID` exists on https pages and localhost only.
const newId = () => `chat-${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`;
