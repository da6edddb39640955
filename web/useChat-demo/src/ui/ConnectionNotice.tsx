/** Says that the answer stands still, and that nothing has to be done about it. */
export function ConnectionNotice({ isBroken }: { isBroken: boolean }) {
  return (
    <p className="connection" aria-live="polite">
      {isBroken && 'The connection broke. The answer goes on as soon as the server can be reached.'}
    </p>
  );
}
