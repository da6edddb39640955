import { lazy, Suspense, useRef, useState } from 'react';
import { makeChatFetch } from './chatFetch';
import { forgetChat, keepChat, listChats, loadMessages, type ChatEntry } from './chat/chats';
import type { Generation } from './chat/conversation';
import Version7 from './chat/version7';
import { agree, readOpening, type Endpoint } from './endpoint';
import { AskFirst } from './ui/AskFirst';
import { ChatList } from './ui/ChatList';
import { ChatView } from './ui/ChatView';
import { Header } from './ui/Header';
import { useDrawer } from './ui/useDrawer';
import { WirePanel } from './wire/WirePanel';

// The older client is loaded on demand.
const versions = { '7': Version7, '4': lazy(() => import('./chat/version4')) };

/** An open chat. `wasOpen`: its last answer was unfinished when the user left the page. */
interface OpenChat {
  id: string;
  generation: Generation;
  messages: unknown[];
  wasOpen: boolean;
}

/** The chats of the server that the page's address names, once the user has agreed to it. */
export function App() {
  const [opening, setOpening] = useState(readOpening);
  if (opening.state === 'open') return <Chats endpoint={opening.endpoint} />;
  return (
    <AskFirst
      opening={opening}
      onAgree={(origin, endpoint) => {
        agree(origin);
        setOpening({ state: 'open', endpoint });
      }}
    />
  );
}

function Chats({ endpoint }: { endpoint: Endpoint }) {
  const { shelf } = endpoint;
  const [chatFetch] = useState(() => makeChatFetch(endpoint));
  const [chats, setChats] = useState(() => listChats(shelf));
  const [chat, setChat] = useState(() => firstChat(chats));
  const [shownExchange, showExchange] = useState<number>();
  const list = useDrawer('(min-width: 1000px)');
  const wire = useDrawer('(min-width: 1000px)');
  const isForgotten = useRef<string>(undefined);

  function open(next: OpenChat) {
    history.replaceState(null, '', `#${next.id}`);
    setChat(next);
    list.closeOverlay();
  }

  function openKept(entry: ChatEntry) {
    if (entry.id !== chat.id) open(keptChat(entry));
    else list.closeOverlay();
  }

  function forget({ id }: ChatEntry) {
    isForgotten.current = id;
    setChats(forgetChat(shelf, id));
    if (id === chat.id) open(newChat(chat.generation));
  }

  function keep(of: OpenChat, messages: unknown[], title: string, isOpen: boolean) {
    if (isForgotten.current === of.id) return;
    const { id, generation } = of;
    const before = listChats(shelf).find((entry) => entry.id === id);
    // Opening a chat does not change it.
    const isOld = before !== undefined && messages.length === of.messages.length && !isOpen;
    const changedAt = isOld ? before.changedAt : Date.now();
    setChats(keepChat(shelf, { id, title, generation, changedAt, isOpen }, messages));
  }

  const Version = versions[chat.generation];
  return (
    <div className="page" data-list={list.isOpen} data-wire={wire.isOpen}>
      <Header
        endpoint={endpoint}
        generation={chat.generation}
        onGeneration={(generation) => open(newChat(generation))}
        list={list}
        wire={wire}
      />
      <ChatList
        drawer={list}
        chats={chats}
        currentId={chat.id}
        onNew={() => open(newChat(chat.generation))}
        onOpen={openKept}
        onForget={forget}
      />
      <main className="chat" aria-label="Chat">
        <Suspense fallback={null}>
          <Version
            key={chat.id}
            chatId={chat.id}
            initialMessages={chat.messages}
            api={endpoint.url}
            fetch={chatFetch}
            resume={chat.wasOpen && endpoint.canResume}
            onChange={(...change) => keep(chat, ...change)}
          >
            {(conversation) => (
              <ChatView
                conversation={conversation}
                generation={chat.generation}
                wasOpen={chat.wasOpen}
                onShowWire={(exchangeId) => {
                  showExchange(exchangeId);
                  wire.open();
                }}
              />
            )}
          </Version>
        </Suspense>
      </main>
      <WirePanel drawer={wire} shownId={shownExchange} onShow={showExchange} />
    </div>
  );
}

function firstChat(chats: ChatEntry[]): OpenChat {
  const entry = chats.find(({ id }) => `#${id}` === location.hash);
  const chat = entry ? keptChat(entry) : newChat('7');
  // The page's address holds the chat's id, so that a reload finds the chat again.
  history.replaceState(null, '', `#${chat.id}`);
  return chat;
}

function keptChat({ id, generation, isOpen }: ChatEntry): OpenChat {
  return { id, generation, messages: loadMessages(id), wasOpen: isOpen };
}

function newChat(generation: Generation): OpenChat {
  return { id: newId(), generation, messages: [], wasOpen: false };
}

// `crypto.randomUUID` exists on https pages and localhost only.
const newId = () => `chat-${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`;
