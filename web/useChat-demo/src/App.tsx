import { lazy, Suspense, useCallback, useEffect, useRef, useState } from 'react';
import { makeChatFetch, makeFetch } from './chatFetch';
import type { Message } from './chat/conversation';
import { Wishes } from './chat/offer';
import { ServerChats } from './chat/serverChats';
import { useChats } from './chat/useChats';
import Version7 from './chat/version7';
import { addressOfComparison, isComparison } from './compare/address';
import { agree, readOpening, type Endpoint } from './endpoint';
import { SignIn, withHeaders } from './signIn';
import { AskFirst } from './ui/AskFirst';
import { ChatList } from './ui/ChatList';
import { ChatView } from './ui/ChatView';
import { Header } from './ui/Header';
import { Menu } from './ui/Menu';
import { Opening } from './ui/Opening';
import { SignInDialog, SignInNotice } from './ui/SignInDialog';
import { useDrawer } from './ui/useDrawer';
import { WirePanel } from './wire/WirePanel';

// The older client is loaded on demand, and so is the comparison.
const Compare = lazy(() => import('./compare/Compare'));
const versions = { '7': Version7, '4': lazy(() => import('./chat/version4')) };

/** The chats of the server that the page's address names, once the user has agreed to it. */
export function App() {
  const [opening, setOpening] = useState(readOpening);
  if (opening.state === 'open') {
    const { endpoint } = opening;
    if (!isComparison()) return <Chats endpoint={endpoint} />;
    return (
      <Suspense fallback={null}>
        <Compare endpoint={endpoint} chatAddress={addressOfComparison(false)} />
      </Suspense>
    );
  }
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
  const [signIn] = useState(() => new SignIn(endpoint));
  const [chatFetch] = useState(() => makeChatFetch(endpoint, signIn));
  const [server] = useState(() => {
    return new ServerChats(endpoint.root, withHeaders(signIn.headers, makeFetch(endpoint, signIn)));
  });
  const [wishes] = useState(() => new Wishes(endpoint.shelf));
  const { chat, ...chats } = useChats(signIn, server);
  useEffect(() => {
    // By then the server has said that it is there, and knows who asks.
    if (chats.place !== 'asking' && server.keeps !== undefined) void wishes.learn(server);
  }, [chats.place, wishes, server]);
  /** What is shown, for who saves it as a file. */
  const shown = useRef<Message[]>([]);
  const noteShown = useCallback((messages: Message[]) => {
    shown.current = messages;
  }, []);
  const signInDialog = useRef<HTMLDialogElement>(null);
  const askWho = () => signInDialog.current?.showModal();
  const [shownExchange, showExchange] = useState<number>();
  const list = useDrawer('(min-width: 1000px)');
  const wire = useDrawer('(min-width: 1000px)', false);

  const Version = versions[chat.generation];
  return (
    <div className="page" data-list={list.isOpen} data-wire={wire.isOpen}>
      <Header
        endpoint={endpoint}
        signIn={signIn}
        onSignIn={askWho}
        generation={chat.generation}
        onGeneration={chats.begin}
        list={list}
        wire={wire}
      >
        <Menu shown={shown} onOpen={chats.openSaved} />
      </Header>
      <ChatList
        drawer={list}
        chats={chats.chats}
        place={chats.place}
        problem={chat.state === 'open' ? chats.problem : undefined}
        currentId={chat.id}
        onNew={() => {
          chats.begin();
          list.closeOverlay();
        }}
        onOpen={(entry) => {
          chats.open(entry);
          list.closeOverlay();
        }}
        onForget={(entry) => void chats.forget(entry)}
      />
      <main className="chat" aria-label="Chat">
        <SignInNotice signIn={signIn} onSignIn={askWho} />
        {chat.state === 'opening' ? (
          <Opening problem={chats.problem} onAgain={() => void chats.reopen()} />
        ) : (
          <Suspense fallback={null}>
            <Version
              key={`${chat.id} ${chat.opened}`}
              chatId={chat.id}
              initialMessages={chat.messages}
              api={endpoint.url}
              fetch={chatFetch}
              headers={signIn.headers}
              server={server}
              wishes={wishes}
              resume={chat.wasOpen && endpoint.canResume}
              onChange={(change) => chats.keep(chat, change)}
            >
              {(conversation) => (
                <ChatView
                  conversation={conversation}
                  chatId={chat.id}
                  generation={chat.generation}
                  wasOpen={chat.wasOpen}
                  isKept={chats.place === 'server'}
                  isReadOnly={chat.isReadOnly === true}
                  wishes={wishes}
                  onShown={noteShown}
                  onSend={wire.openBeside}
                  onNew={chats.begin}
                  onReconnect={chats.reopen}
                  onShowWire={(exchangeId) => {
                    showExchange(exchangeId);
                    wire.open();
                  }}
                />
              )}
            </Version>
          </Suspense>
        )}
      </main>
      <WirePanel drawer={wire} shownId={shownExchange} onShow={showExchange} />
      <SignInDialog signIn={signIn} endpoint={endpoint} server={server} ref={signInDialog} />
    </div>
  );
}
