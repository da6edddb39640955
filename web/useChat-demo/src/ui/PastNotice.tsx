/** Stands above the input box while an earlier version is shown of a chat that the server keeps. */
export function PastNotice({ onLatest }: { onLatest(): void }) {
  return (
    <div className="past">
      <p>
        You are reading an earlier version. The server keeps the latest one, and goes on from that.
      </p>
      <button className="plain" onClick={onLatest}>
        Show the latest
      </button>
    </div>
  );
}
