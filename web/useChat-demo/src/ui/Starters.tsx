import type { Generation } from '../chat/conversation';

// Each shows a feature. The scripted model of `make run` knows them all.
const STARTERS: [string, string][] = [
  ['What can you do?', 'Markdown, rendered while it streams'],
  ['What is the weather in Bergen and Lisbon?', 'two tools, side by side'],
  ['Run the slow process "tea" with 5 steps', 'a tool that reports while it works'],
  ['Where am I?', 'a tool that your browser answers'],
  ['Send an email to ada@example.com about tea', 'a tool that asks you first'],
  ['Think about it', 'reasoning before the answer'],
  ['Cite your sources', 'links to where it comes from'],
  ['A long text', 'time to press stop'],
  ['Fail in the middle', 'an error, and trying again'],
];

export function Starters(props: { generation: Generation; onStart(text: string): void }) {
  return (
    <section className="starters" aria-labelledby="starters-title">
      <h2 id="starters-title">
        Deltas in,
        <br />
        lines out.
      </h2>
      <p>
        This is <code>useChat</code> of AI SDK {props.generation} against a Python backend. The
        panel named <em>Wire</em> shows every part of an answer as it arrives. Begin anywhere:
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
