import { useEffect, useRef } from 'react';
import { textOf, wordsOf, type Generation, type Versioned } from '../chat/conversation';
import { ConnectionNotice } from '../ui/ConnectionNotice';
import { ms } from '../ui/ms';
import { MessageView } from '../ui/MessageView';
import { useStickToEnd } from '../ui/useStickToEnd';
import type { Exchange } from '../wire/exchange';
import { Strip } from '../wire/Strip';
import { WireRows } from '../wire/WireRows';

/** What both clients are asked. */
export interface Asked {
  text: string;
  number: number;
}

/** One client's chat: its answer, the figures of the last one, and its wire. */
export function ChatColumn(props: {
  generation: Generation;
  conversation: Versioned;
  exchange: Exchange | undefined;
  asked: Asked | undefined;
  /** How often the answers were stopped. */
  stopped: number;
  onNote(generation: Generation, isBusy: boolean, said: string): void;
}) {
  const { generation, conversation, exchange, asked, stopped, onNote } = props;
  const { messages, status, error } = conversation;
  const isBusy = status === 'submitted' || status === 'streaming';
  const last = messages.at(-1);
  const said = last?.role === 'assistant' ? textOf(last) : '';
  const done = useRef({ asked: 0, stopped: 0 });
  const wire = useRef<HTMLElement>(null);
  const { ref, on } = useStickToEnd<HTMLDivElement>(messages.length > 0);

  useEffect(() => onNote(generation, isBusy, said), [generation, isBusy, said, onNote]);
  useEffect(() => {
    if (!asked || asked.number === done.current.asked) return;
    done.current.asked = asked.number;
    conversation.send(asked.text, []);
  }, [asked, conversation]);
  useEffect(() => {
    if (stopped === done.current.stopped) return;
    done.current.stopped = stopped;
    // Why it goes on, the chat page says.
    conversation.stop().catch(() => {});
  }, [stopped, conversation]);

  return (
    <>
      <div className="messages" ref={ref} {...on} data-status={status}>
        {messages.map((message, place) => (
          <MessageView
            key={message.id}
            message={message}
            place={place}
            version={conversation.versionAt(place)}
            isPast={conversation.isPast}
            isStreaming={isBusy && message === last && message.role === 'assistant'}
            isLast={message === last}
            isBusy={isBusy}
            actions={{ ...conversation, goOn: () => conversation.send('Continue', []) }}
            onShowWire={() => wire.current?.scrollIntoView({ block: 'nearest' })}
          />
        ))}
        {isBusy && last?.role === 'user' && <p className="waiting">Waiting for the first part</p>}
        <ConnectionNotice isBroken={conversation.isBroken} />
        {error && (
          <div className="failure" role="alert">
            <p>{wordsOf(error)}</p>
          </div>
        )}
      </div>
      {exchange && (
        <section className="wire" aria-label="Wire" ref={wire}>
          <dl>
            {figuresOf(exchange).map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
          <Strip exchange={exchange} />
          <WireRows key={exchange.id} exchange={exchange} />
        </section>
      )}
    </>
  );
}

function figuresOf({ speed, bytes, count, end }: Exchange): [string, string][] {
  return [
    ['First token', speed.firstTokenMs === undefined ? '–' : ms(speed.firstTokenMs)],
    ['Total', end ? ms(end.at) : '…'],
    ['Bytes', bytes.toLocaleString('en')],
    ['Parts', count.toLocaleString('en')],
  ];
}
