import { useEffect, useState, type RefObject } from 'react';
import type { Endpoint } from '../endpoint';
import { claimsOf, type Claims } from '../jwt';
import { inWords, isOver, tidied, useStanding, type SignIn } from '../signIn';
import type { ServerChats } from '../chat/serverChats';
import { Icon } from './Icon';
import { LimitsView } from './LimitsView';

// The longest time that a browser's timer takes.
const LONGEST_MS = 2 ** 31 - 1;

/** Says who is signed in, and leads to the dialog. */
export function SignInButton({ signIn, onPress }: { signIn: SignIn; onPress(): void }) {
  const { token, claims, refusal } = useStanding(signIn);
  const isTrouble = useIsOver(claims) || refusal !== undefined;
  const name = claims?.subject || 'with a token';
  return (
    <button
      className="quiet sign-in-button"
      data-trouble={isTrouble}
      onClick={onPress}
      aria-label={token ? `Signed in: ${name}` : 'Sign in'}
    >
      <Icon name="person" />
      <span>{token ? <bdi>{name}</bdi> : 'Sign in'}</span>
    </button>
  );
}

/** Says that the server wants to know who asks, before anybody has written a message for nothing. */
export function SignInNotice({ signIn, onSignIn }: { signIn: SignIn; onSignIn(): void }) {
  const { claims, refusal } = useStanding(signIn);
  const trouble = useTrouble(claims, refusal);
  if (trouble === undefined) return null;
  return (
    <section className="sign-in-notice" aria-label="Not signed in">
      <p>{trouble}</p>
      <button className="plain" onClick={onSignIn}>
        Sign in
      </button>
    </section>
  );
}

/** Takes a shared token or a JSON Web Token, and shows what the latter says. */
export function SignInDialog(props: {
  signIn: SignIn;
  endpoint: Endpoint;
  server: ServerChats;
  ref: RefObject<HTMLDialogElement | null>;
}) {
  const { signIn, ref } = props;
  const { token, claims, refusal } = useStanding(signIn);
  const trouble = useTrouble(claims, refusal);
  const [given, setGiven] = useState('');
  const [problem, setProblem] = useState<string>();
  const [isChecking, setChecking] = useState(false);
  const [isOpen, setOpen] = useState(false);
  const { host } = new URL(props.endpoint.url || '/', location.href);

  async function use() {
    setChecking(true);
    setProblem(undefined);
    try {
      await signIn.use(given);
      ref.current?.close();
    } catch (error) {
      setProblem((error as Error).message);
    }
    setChecking(false);
  }

  return (
    <dialog
      ref={ref}
      className="endpoint sign-in"
      aria-labelledby="sign-in-title"
      onToggle={({ newState }) => setOpen(newState === 'open')}
      onClose={() => {
        // What was typed is nobody's any more.
        setGiven('');
        setProblem(undefined);
      }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void use();
        }}
      >
        <h2 id="sign-in-title">{token ? 'Signed in' : 'Sign in'}</h2>
        {token && <Facts claims={claims} />}
        {token && trouble && <p role="alert">{trouble}</p>}
        {token && !trouble && isOpen && <LimitsView server={props.server} />}
        <p>
          {token
            ? 'Another token takes its place.'
            : 'A JSON Web Token, or the token that all users share.'}{' '}
          It is kept in this tab and sent to {host} only.
        </p>
        <label>
          {token ? 'Another token' : 'Token'}
          <input
            type="password"
            value={given}
            onChange={(event) => {
              setGiven(event.target.value);
              setProblem(undefined);
            }}
            autoComplete="off"
            spellCheck={false}
          />
        </label>
        {given && <Preview given={given} />}
        {problem && <p role="alert">{problem}</p>}
        <p className="buttons">
          {token && (
            <button type="button" className="plain sign-out" onClick={() => signIn.signOut()}>
              Sign out
            </button>
          )}
          <button type="button" className="plain" onClick={() => ref.current?.close()}>
            {token ? 'Close' : 'Cancel'}
          </button>
          <button className="primary" disabled={isChecking}>
            {token ? 'Use it' : 'Sign in'}
          </button>
        </p>
      </form>
    </dialog>
  );
}

function Facts({ claims }: { claims: Claims | undefined }) {
  if (claims === undefined) return <p>With a token that does not say who has it.</p>;
  const facts: [string, string][] = [['Who', claims.subject || 'nobody: it has no `sub`']];
  if (claims.issuer) facts.push(['Issuer', claims.issuer]);
  if (claims.expires !== undefined) facts.push(['Until', inWords(claims.expires)]);
  return (
    <dl>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <bdi>{value}</bdi>
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** What a token says before it is used, so that nobody pastes the wrong one. */
function Preview({ given }: { given: string }) {
  let claims: Claims | undefined;
  try {
    claims = claimsOf(tidied(given));
  } catch (error) {
    return <p className="preview">{(error as Error).message}</p>;
  }
  if (claims === undefined) return null;
  return (
    <div className="preview">
      <Facts claims={claims} />
      {isOver(claims) && <p>It has expired.</p>}
    </div>
  );
}

/** Return in a sentence why who asks is not known, or not any more. */
function useTrouble(claims: Claims | undefined, refusal: string | undefined): string | undefined {
  const hasExpired = useIsOver(claims);
  if (hasExpired && claims?.expires !== undefined) {
    return `Your token has expired, at ${inWords(claims.expires)}. Sign in again.`;
  }
  return refusal;
}

/** Whether a token has expired; the component renders again when it does. */
function useIsOver(claims: Claims | undefined): boolean {
  const [, look] = useState(0);
  const expires = claims?.expires;
  useEffect(() => {
    if (expires === undefined) return;
    let timer: ReturnType<typeof setTimeout>;
    const wait = () => {
      const left = expires - Date.now();
      if (left <= 0) look((times) => times + 1);
      else timer = setTimeout(wait, Math.min(left, LONGEST_MS));
    };
    wait();
    return () => clearTimeout(timer);
  }, [expires]);
  return isOver(claims);
}
