/** Stands in the chat's place until its messages are here. */
export function Opening({ problem, onAgain }: { problem?: string; onAgain(): void }) {
  if (problem === undefined) return <p className="opening waiting">Opening the chat</p>;
  return (
    <div className="opening failure" role="alert">
      <p>This chat cannot be opened now. {problem}</p>
      <button className="plain" onClick={onAgain}>
        Try again
      </button>
    </div>
  );
}
