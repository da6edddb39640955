import { useRef, useState, type ReactNode } from 'react';
import type { Generation } from '../chat/conversation';
import { openEndpoint, problemWith, type Endpoint } from '../endpoint';
import { tidied, type SignIn } from '../signIn';
import { CompareLink } from './CompareLink';
import { Icon } from './Icon';
import { SignInButton } from './SignInDialog';
import type { Drawer } from './useDrawer';

const GENERATIONS: { id: Generation; name: string; wire: string }[] = [
  { id: '7', name: 'AI SDK 7', wire: 'UI message stream' },
  { id: '4', name: 'AI SDK 4', wire: 'data stream' },
];

export function Header(props: {
  endpoint: Endpoint;
  signIn: SignIn;
  onSignIn(): void;
  generation: Generation;
  onGeneration(generation: Generation): void;
  list: Drawer;
  wire: Drawer;
  /** Stands at the end. */
  children: ReactNode;
}) {
  const { isOpen: isListOpen, toggle: toggleList, buttonRef: listButton } = props.list;
  const { isOpen: isWireOpen, toggle: toggleWire, buttonRef: wireButton } = props.wire;
  return (
    <header className="header">
      <button
        ref={listButton}
        className="quiet"
        onClick={toggleList}
        aria-expanded={isListOpen}
        aria-controls="chat-list"
        aria-label="Chats"
      >
        <Icon name="list" />
      </button>
      <h1>
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M8 1.5 15 14H1z" />
        </svg>
        <span>Deltaline</span>
      </h1>
      <fieldset className="switch">
        <legend className="unseen">Client generation (a new chat begins)</legend>
        {GENERATIONS.map(({ id, name, wire: format }) => (
          <label key={id}>
            <input
              type="radio"
              name="generation"
              checked={props.generation === id}
              onChange={() => props.onGeneration(id)}
            />
            <span>
              {name} <small>{format}</small>
            </span>
          </label>
        ))}
      </fieldset>
      <CompareLink />
      <EndpointButton endpoint={props.endpoint} token={props.signIn.standing.token} />
      <SignInButton signIn={props.signIn} onPress={props.onSignIn} />
      <button
        ref={wireButton}
        className="quiet wire-button"
        onClick={toggleWire}
        aria-expanded={isWireOpen}
        aria-controls="wire"
        aria-label="Wire"
      >
        <Icon name="wire" />
        <span>Wire</span>
      </button>
      {props.children}
    </header>
  );
}

function EndpointButton({ endpoint, token }: { endpoint: Endpoint; token: string }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [problem, setProblem] = useState<string>();
  const { host } = new URL(endpoint.url || '/', location.href);

  function use(form: FormData) {
    const url = String(form.get('url')).trim();
    const given = String(form.get('token')).trim();
    try {
      const wrong = problemWith(url);
      setProblem(wrong);
      if (!wrong) openEndpoint(url, given && tidied(given));
    } catch (error) {
      setProblem((error as Error).message);
    }
  }

  return (
    <>
      <button className="quiet endpoint-button" onClick={() => dialog.current?.showModal()}>
        <span className="unseen">Endpoint: </span>
        {host}
      </button>
      <dialog ref={dialog} className="endpoint" aria-labelledby="endpoint-title">
        <form
          onSubmit={(event) => {
            event.preventDefault();
            use(new FormData(event.currentTarget));
          }}
        >
          <h2 id="endpoint-title">Endpoint</h2>
          <p>
            A local server, a local Lambda’s <code>…/invocations</code>, a Function URL or
            CloudFront in front of one.
          </p>
          <label>
            Address
            <input name="url" required defaultValue={endpoint.url || '/'} spellCheck={false} />
          </label>
          <label>
            Token <small>kept in this tab, and sent to this server only</small>
            <input name="token" type="password" defaultValue={token} autoComplete="off" />
          </label>
          {problem && <p role="alert">{problem}</p>}
          <p className="buttons">
            <button type="button" className="plain" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
            <button className="primary">Use it</button>
          </p>
        </form>
      </dialog>
    </>
  );
}
