import { useState } from 'react';
import { focusChat } from './focus';
import { findLocation, timeZone } from '../chat/location';
import type { Conversation, ToolCall } from '../chat/conversation';

export type ToolActions = Pick<Conversation, 'answer' | 'refuse' | 'approve'>;

const STATES: Record<ToolCall['state'], string> = {
  writing: 'being called',
  running: 'running',
  asking: 'asks you first',
  allowed: 'allowed',
  denied: 'denied',
  done: 'done',
  failed: 'failed',
};

/** A tool call as it happens: its input, its progress, its result. */
export function ToolCallView(props: {
  call: ToolCall;
  /** Whether the user has gone on without replying: the server then closes the call. */
  isPassedOver: boolean;
  canAct: boolean;
  actions: ToolActions;
}) {
  const { call, isPassedOver, canAct, actions } = props;
  const isClientTool = call.name === 'get_location';
  const waits = call.state === 'running' && isClientTool;
  const isOver = isPassedOver && (waits || call.state === 'asking');
  const state = isOver ? 'passed over' : waits ? 'asks your browser' : STATES[call.state];
  const reply = (isApproved: boolean) => {
    focusChat();
    actions.approve?.(call, isApproved);
  };
  const inline = call.state === 'asking' ? undefined : inlineInput(call.input);
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
      {call.state !== 'writing' && inline === undefined && <Values value={call.input} label="Input" />}
      {call.state === 'asking' && !isOver && actions.approve && (
        <p className="buttons" role="group" aria-label={`Allow ${call.name}?`}>
          <button
            className="primary"
            disabled={!canAct}
            onClick={() => reply(true)}
          >
            Allow
          </button>
          <button
            className="plain"
            disabled={!canAct}
            onClick={() => reply(false)}
          >
            Deny
          </button>
        </p>
      )}
      {waits && !isOver && <LocationChoice call={call} canAct={canAct} actions={actions} />}
      {call.state === 'failed' && <p className="problem">{call.error}</p>}
      {call.state === 'done' && <Values value={call.output} label="Output" />}
    </section>
  );
}

/** `get_location`: the browser asks for permission only after the user has agreed. */
function LocationChoice(props: { call: ToolCall; canAct: boolean; actions: ToolActions }) {
  const { call, canAct, actions } = props;
  const [isLooking, setLooking] = useState(false);

  async function share() {
    focusChat();
    setLooking(true);
    actions.answer(call, await findLocation());
  }

  function tellTimeZone() {
    focusChat();
    actions.answer(call, timeZone());
  }

  if (isLooking) return <p className="progress">Asking the browser</p>;
  return (
    <p className="buttons" role="group" aria-label="Where are you?">
      <button className="primary" disabled={!canAct} onClick={() => void share()}>
        Share my location
      </button>
      <button className="plain" disabled={!canAct} onClick={tellTimeZone}>
        Only my time zone
      </button>
      <button
        className="plain"
        disabled={!canAct}
        onClick={() => {
          focusChat();
          actions.refuse(call, 'The user did not want to tell.');
        }}
      >
        Do not tell
      </button>
    </p>
  );
}

function Values({ value, label }: { value: unknown; label: string }) {
  if (value === undefined || value === null) return null;
  if (typeof value === 'object' && !Array.isArray(value)) {
    const entries = Object.entries(value);
    if (entries.length === 0) return null;
    return (
      <dl aria-label={label}>
        {entries.map(([key, item]) => (
          <div key={key}>
            <dt>{key.replaceAll('_', ' ')}</dt>
            <dd>{inWords(item)}</dd>
          </div>
        ))}
      </dl>
    );
  }
  return (
    <p className="value" aria-label={label} role="group">
      {inWords(value)}
    </p>
  );
}

/** Return a short input, written as arguments of a call. A longer one is shown below. */
function inlineInput(input: unknown): string | undefined {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return undefined;
  const text = Object.entries(input)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
    .join(', ');
  return text.length < 48 ? text : undefined;
}

const inWords = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
