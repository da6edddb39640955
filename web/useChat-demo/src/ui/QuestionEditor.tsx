import { useEffect, useRef } from 'react';

/** Asks another question in the place of one that has been asked. */
export function QuestionEditor(props: {
  text: string;
  onAsk(text: string): void;
  onGiveUp(): void;
}) {
  const { text, onAsk, onGiveUp } = props;
  const field = useRef<HTMLTextAreaElement>(null);
  // Who has pressed Edit wants to write.
  useEffect(() => field.current?.focus(), []);
  return (
    <form
      className="question editing"
      onSubmit={(event) => {
        event.preventDefault();
        const changed = field.current?.value.trim();
        if (changed) onAsk(changed);
        else onGiveUp();
      }}
    >
      <textarea
        ref={field}
        dir="auto"
        defaultValue={text}
        aria-label="Your message"
        onKeyDown={(event) => {
          if (event.key === 'Escape') onGiveUp();
        }}
      />
      <p className="buttons">
        <button type="button" className="plain" onClick={onGiveUp}>
          Cancel
        </button>
        <button className="primary">Ask again</button>
      </p>
    </form>
  );
}
