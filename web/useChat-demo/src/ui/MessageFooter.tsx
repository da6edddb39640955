import type { ReactNode } from 'react';
import type { Message } from '../chat/conversation';
import { ms } from './ms';
import { Pulse } from '../wire/Pulse';
import { useExchangeOf } from '../wire/recorder';

/** How the answer arrived: bars over its time. */
export function MessageFooter(props: {
  message: Message;
  onShowWire(exchangeId: number): void;
  children: ReactNode;
}) {
  const { about, id } = props.message;
  const exchange = useExchangeOf(id);
  const speed = exchange?.speed;
  const tokens = about.usage?.outputTokens;
  const facts = [
    speed?.firstTokenMs !== undefined && `first token ${ms(speed.firstTokenMs)}`,
    speed?.tokensPerSecond !== undefined && `${Math.round(speed.tokensPerSecond)} tokens/s`,
    tokens !== undefined && `${tokens} ${tokens === 1 ? 'token' : 'tokens'}`,
    about.model,
  ].filter(Boolean);
  return (
    <footer className="message-footer">
      {exchange && (
        <button
          className="strip-button"
          onClick={() => props.onShowWire(exchange.id)}
          aria-label="Show this answer on the wire"
        >
          <Pulse exchange={exchange} />
        </button>
      )}
      {facts.length > 0 && <span>{facts.join(' · ')}</span>}
      {props.children}
    </footer>
  );
}
