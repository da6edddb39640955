/** Stands in the composer's place while a chat is shown that the server does not keep. */
export function SavedNotice({ onNew }: { onNew(): void }) {
  return (
    <section className="saved-notice" aria-label="A saved chat">
      <p>
        This chat is from a file, to read. Here the server keeps all chats, and this one is not its
        own.
      </p>
      <button className="primary" onClick={() => onNew()}>
        New chat
      </button>
    </section>
  );
}
