import { Icon } from '../ui/Icon';
import { ms } from '../ui/ms';
import type { Drawer } from '../ui/useDrawer';
import type { Exchange } from './exchange';
import { useExchanges } from './recorder';
import { shortened } from './shortened';
import { Strip } from './Strip';
import { WireRows } from './WireRows';

const ENDS = {
  complete: 'Complete',
  stopped: 'Stopped',
  failed: 'Failed',
  broken: 'Cut off',
} as const;
const PROTOCOLS = {
  ui: 'UI message stream (SSE)',
  data: 'Data stream',
  other: 'Body',
} as const;

interface Props {
  /** The selected exchange; the latest if none is. */
  shownId: number | undefined;
  onShow(id: number | undefined): void;
}

/** The bytes of the chat's requests and responses, as they arrive. */
export function WirePanel({ drawer, ...props }: Props & { drawer: Drawer }) {
  const { isOpen, close, ref } = drawer;
  return (
    <aside id="wire" className="wire" aria-label="Wire" hidden={!isOpen} ref={ref}>
      {/* Closed, it does not follow what arrives. */}
      {isOpen && <Exchanges {...props} onClose={close} />}
    </aside>
  );
}

function Exchanges({ shownId, onShow, onClose }: Props & { onClose(): void }) {
  const exchanges = useExchanges();
  const found = exchanges.findIndex(({ id }) => id === shownId);
  const index = found < 0 ? exchanges.length - 1 : found;
  const shown = exchanges[index];
  const step = (by: number) => {
    const next = exchanges[index + by];
    // While scrolled to the newest end, the panel follows what arrives.
    onShow(index + by === exchanges.length - 1 ? undefined : next?.id);
  };
  return (
    <>
      <header>
        <h2>Wire</h2>
        {exchanges.length > 0 && (
          <div role="group" aria-label="Request">
            <button disabled={index === 0} onClick={() => step(-1)} aria-label="Earlier request">
              <Icon name="before" />
            </button>
            <span>
              {index + 1} of {exchanges.length}
            </span>
            <button
              disabled={index === exchanges.length - 1}
              onClick={() => step(1)}
              aria-label="Later request"
            >
              <Icon name="after" />
            </button>
          </div>
        )}
        <button onClick={onClose} aria-label="Close the wire panel">
          <Icon name="close" />
        </button>
      </header>
      {shown ? <ExchangeView key={shown.id} exchange={shown} /> : <Nothing />}
    </>
  );
}

function Nothing() {
  return (
    <p className="nothing">
      What goes over the network appears here: each part of the answer, at the time when its last
      byte arrived.
    </p>
  );
}

function ExchangeView({ exchange }: { exchange: Exchange }) {
  return (
    <>
      <details className="request">
        <summary>
          {exchange.method} {pathOf(exchange.url)}{' '}
          {exchange.sent && <small>{bytes(exchange.sent.length)}</small>}
        </summary>
        {exchange.sent && <pre tabIndex={0}>{readable(exchange.sent)}</pre>}
      </details>
      <Facts exchange={exchange} />
      <Strip exchange={exchange} />
      <WireRows exchange={exchange} />
    </>
  );
}

function Facts({ exchange }: { exchange: Exchange }) {
  const { firstTokenMs, tokensPerSecond, tokens, isCounted } = exchange.speed;
  const { status, headersAt, end, count, reads } = exchange;
  const facts: [string, string][] = [
    ['Status', status === undefined ? (end ? 'none' : '…') : String(status)],
    ['First token', firstTokenMs === undefined ? '–' : ms(firstTokenMs)],
    ['Tokens/s', tokensPerSecond === undefined ? '–' : tokensPerSecond.toFixed(0)],
    [isCounted ? 'Tokens' : 'Deltas', String(tokens)],
    ['Headers', headersAt === undefined ? '…' : ms(headersAt)],
    ['Parts / reads', `${count} / ${reads}`],
    ['Bytes', bytes(exchange.bytes)],
    [end ? ENDS[end.how] : 'Open', end ? ms(end.at) : '…'],
  ];
  return (
    <>
      <p className="protocol">{PROTOCOLS[exchange.protocol]}</p>
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

function pathOf(url: string): string {
  const { host, pathname, search } = new URL(url, location.href);
  return (host === location.host ? '' : host) + pathname + search;
}

function bytes(count: number): string {
  return count < 1000 ? `${count} B` : `${(count / 1000).toFixed(1)} kB`;
}

function readable(json: string): string {
  try {
    return shortened(JSON.stringify(JSON.parse(json), null, 2));
  } catch {
    return shortened(json);
  }
}
