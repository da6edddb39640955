import { lazy, Suspense, useCallback, useState } from 'react';
import { makeChatFetch, makeFetch } from '../chatFetch';
import type { Generation } from '../chat/conversation';
import { Wishes } from '../chat/offer';
import { ServerChats } from '../chat/serverChats';
import Version7 from '../chat/version7';
import type { Endpoint } from '../endpoint';
import { SignIn, withHeaders } from '../signIn';
import { Icon } from '../ui/Icon';
import type { Exchange } from '../wire/exchange';
import { useExchanges } from '../wire/recorder';
import '../styles/compare.css';
import { ChatColumn, type Asked } from './ChatColumn';
import { Summary } from './Summary';

const CLIENTS = [
  { id: '7', name: 'AI SDK 7', protocol: 'UI message stream', Version: Version7 },
  {
    id: '4',
    name: 'AI SDK 4',
    protocol: 'Data stream',
    Version: lazy(() => import('../chat/version4')),
  },
] as const;

/** Both generations of the client on one prompt: what each gets for the same answer. */
export default function Compare({
  endpoint,
  chatAddress,
}: {
  endpoint: Endpoint;
  chatAddress: string;
}) {
  const [signIn] = useState(() => new SignIn(endpoint));
  const [fetch] = useState(() => makeChatFetch(endpoint, signIn));
  const [server] = useState(
    () => new ServerChats(endpoint.root, withHeaders(signIn.headers, makeFetch(endpoint, signIn))),
  );
  const [wishes] = useState(() => new Wishes(endpoint.shelf));
  const [ids] = useState(() => ({ '7': newId(), '4': newId() }));
  const [asked, setAsked] = useState<Asked>();
  const [stopped, setStopped] = useState(0);
  const [said, setSaid] = useState<Partial<Record<Generation, string>>>({});
  const [busy, setBusy] = useState<Partial<Record<Generation, boolean>>>({});
  const note = useCallback((generation: Generation, isBusy: boolean, text: string) => {
    setBusy((before) => ({ ...before, [generation]: isBusy }));
    setSaid((before) => ({ ...before, [generation]: text }));
  }, []);
  const exchanges = useExchanges();
  const exchangeOf = (generation: Generation): Exchange | undefined =>
    exchanges.findLast(({ sent }) => sent.includes(ids[generation]));
  const isBusy = busy['7'] === true || busy['4'] === true;

  return (
    <div className="compare">
      <header>
        <a className="quiet" href={chatAddress}>
          <Icon name="before" /> Back to the chat
        </a>
        <h1>One prompt, two clients</h1>
        <p>
          The same message goes to both at once. Each column is that client’s own{' '}
          <code>useChat</code>, and below it is what came over the network.
        </p>
      </header>
      <div className="columns">
        {CLIENTS.map(({ id, name, protocol, Version }) => (
          <section key={id} aria-label={name}>
            <h2>
              {name} <small>{protocol}</small>
            </h2>
            <Suspense fallback={null}>
              <Version
                chatId={ids[id]}
                initialMessages={NONE}
                api={endpoint.url}
                fetch={fetch}
                headers={signIn.headers}
                server={server}
                wishes={wishes}
                resume={false}
                onChange={nothing}
              >
                {(conversation) => (
                  <ChatColumn
                    generation={id}
                    conversation={conversation}
                    exchange={exchangeOf(id)}
                    asked={asked}
                    stopped={stopped}
                    onNote={note}
                  />
                )}
              </Version>
            </Suspense>
          </section>
        ))}
      </div>
      <Summary isBusy={isBusy} said={said} ui={exchangeOf('7')} data={exchangeOf('4')} />
      <form
        className="composer"
        onSubmit={(event) => {
          event.preventDefault();
          const form = event.currentTarget;
          const text = String(new FormData(form).get('text')).trim();
          if (isBusy || text === '') return;
          setAsked((before) => ({ text, number: (before?.number ?? 0) + 1 }));
          form.reset();
        }}
      >
        <div className="row">
          <textarea
            name="text"
            rows={1}
            dir="auto"
            aria-label="Message to both"
            placeholder="Ask both"
            onKeyDown={(event) => {
              if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
                event.preventDefault();
                event.currentTarget.form?.requestSubmit();
              }
            }}
          />
          {isBusy ? (
            <button
              type="button"
              className="send"
              aria-label="Stop both"
              onClick={() => setStopped(stopped + 1)}
            >
              <Icon name="stop" />
            </button>
          ) : (
            <button className="send" aria-label="Send to both">
              <Icon name="send" />
            </button>
          )}
        </div>
      </form>
    </div>
  );
}

const NONE: unknown[] = [];
const nothing = () => {};
const newId = () => `chat-${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`;
