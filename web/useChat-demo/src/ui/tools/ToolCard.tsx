import { createElement } from 'react';
import type { ToolCall } from '../../chat/conversation';
import { focusChat } from '../focus';
import type { CardProps } from './card';
import { cardOf, runsInBrowser } from './cards';
import { Json } from './JsonCard';
import { inlineInput, isObject } from './values';

const STATES: Record<ToolCall['state'], string> = {
  writing: 'being called',
  running: 'running',
  asking: 'asks you first',
  allowed: 'allowed',
  denied: 'denied',
  done: 'done',
  failed: 'failed',
};

/**
 * A tool call as it happens. What is alike for all tools is here: the name, the state, the progress, the
 * approval and the error; what a tool was given and gave is drawn by its card (`cards.ts`).
 */
export function ToolCard(
  props: CardProps & {
    /** Whether the user has gone on without replying: the server then closes the call. */
    isPassedOver: boolean;
  },
) {
  const { call, isPassedOver, canAct, actions } = props;
  const waits = call.state === 'running' && runsInBrowser(call.name);
  const isOver = isPassedOver && (waits || call.state === 'asking');
  const state = isOver ? 'passed over' : waits ? 'asks your browser' : STATES[call.state];
  const inline = inlineInput(call);
  return (
    <section className="tool" data-state={call.state} aria-label={`Tool ${call.name}`}>
      <h3>
        <code>
          {call.name}
          {inline && <i>({inline})</i>}
        </code>{' '}
        <span>{state}</span>
      </h3>
      {call.state === 'running' && call.progress && <p className="progress">{call.progress}</p>}
      {call.state === 'asking' ? (
        <Request {...props} isOver={isOver} />
      ) : (
        call.state !== 'writing' &&
        inline === undefined && <Json value={call.input} label="Input" />
      )}
      {call.state === 'failed' && <p className="problem">{call.error}</p>}
      {!isOver &&
        (call.state === 'done' || call.state === 'running') &&
        createElement(cardOf(call.name), { call, canAct, actions })}
    </section>
  );
}

/** What a tool is about to do: all of it can be read before it is allowed. */
function Request({ call, canAct, actions, isOver }: CardProps & { isOver: boolean }) {
  const reply = (isApproved: boolean) => {
    focusChat();
    actions.approve?.(call, isApproved);
  };
  return (
    <>
      <Fields value={call.input} />
      {!isOver && actions.approve && (
        <p className="buttons" role="group" aria-label={`Allow ${call.name}?`}>
          <button className="primary" disabled={!canAct} onClick={() => reply(true)}>
            Allow
          </button>
          <button className="plain" disabled={!canAct} onClick={() => reply(false)}>
            Deny
          </button>
        </p>
      )}
    </>
  );
}

function Fields({ value }: { value: unknown }) {
  if (value === undefined || value === null) return null;
  if (!isObject(value)) {
    return (
      <p className="value" aria-label="Input" role="group">
        {inWords(value)}
      </p>
    );
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return null;
  return (
    <dl aria-label="Input">
      {entries.map(([key, item]) => (
        <div key={key}>
          <dt>{key.replaceAll('_', ' ')}</dt>
          <dd>{inWords(item)}</dd>
        </div>
      ))}
    </dl>
  );
}

const inWords = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
