import { openOwn, type Endpoint, type Opening } from '../endpoint';

/** Stands in the chat's place while the page's address names a server that the user has not chosen. */
export function AskFirst(props: {
  opening: Exclude<Opening, { state: 'open' }>;
  onAgree(origin: string, endpoint: Endpoint): void;
}) {
  const { opening, onAgree } = props;
  const stay = (
    // First, and without the focus: who types on must not agree by it.
    <button className="primary" onClick={openOwn}>
      Stay with {location.host || 'this page'}
    </button>
  );
  if (opening.state === 'refused') {
    return (
      <main className="ask-first" aria-labelledby="ask-first">
        <h1 id="ask-first">This address names no server to chat with</h1>
        <p role="alert">{opening.problem}</p>
        <p>Nothing has been sent.</p>
        <p className="buttons">{stay}</p>
      </main>
    );
  }
  const { origin, endpoint } = opening;
  return (
    <main className="ask-first" aria-labelledby="ask-first">
      <h1 id="ask-first">Chat with another server?</h1>
      <p>The link that opened this page sends the chat to a server elsewhere:</p>
      <p className="origin">
        <code>{origin}</code>
      </p>
      <p>
        What you write and the files you add would go there. Nothing has been sent yet, and your
        other chats and tokens stay where they are.
      </p>
      <p>If you do not know this server, do not use it: whoever runs it reads along.</p>
      <p className="buttons">
        {stay}
        <button className="plain" onClick={() => onAgree(origin, endpoint)}>
          Use {new URL(origin).host}
        </button>
      </p>
    </main>
  );
}
