import { Component, type ReactNode } from 'react';
import { openOwn } from '../endpoint';

/** Stands in the page's place if it cannot be shown, instead of nothing. */
export class Boundary extends Component<{ children: ReactNode }, { problem?: string }> {
  state: { problem?: string } = {};

  static getDerivedStateFromError(error: unknown) {
    return { problem: String(error) };
  }

  render() {
    const { problem } = this.state;
    if (problem === undefined) return this.props.children;
    return (
      <main className="ask-first" aria-labelledby="broken">
        <h1 id="broken">This page cannot be shown</h1>
        <p role="alert">{problem}</p>
        <p>Your chats stay where they are.</p>
        <p className="buttons">
          <button
            className="primary"
            onClick={() => {
              // Perhaps it is this chat only.
              history.replaceState(null, '', location.pathname + location.search);
              openOwn();
            }}
          >
            Begin again
          </button>
        </p>
      </main>
    );
  }
}
