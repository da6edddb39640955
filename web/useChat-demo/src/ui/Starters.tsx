import type { Generation } from '../chat/conversation';

// Each shows a feature. The scripted model of `make run` knows them all.
const STARTERS: [string, string][] = [
  ['What is the weather in Bergen and Lisbon?', 'Two tools that run on the server, side by side'],
  ['Send an email to ada@example.com about tea', 'A tool that asks you before it does anything'],
  ['Where am I?', 'A tool that runs in your browser'],
  ['What can you do?', 'A long answer in Markdown; you can stop it'],
];

/** What a new chat begins with. */
export function Starters(props: { generation: Generation; onStart(text: string): void }) {
  return (
    <section className="starters" aria-labelledby="starters-title">
      <h2 id="starters-title">The Python backend behind React’s useChat.</h2>
      <p>
        Ask something: this page talks to your Python server through AI SDK {props.generation}, and
        the server to a model. The panel “Wire” shows what came back, part by part.
      </p>
      <ul>
        {STARTERS.map(([text, shows]) => (
          <li key={text}>
            <button onClick={() => props.onStart(text)}>
              <span>{text}</span> <small>{shows}</small>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
