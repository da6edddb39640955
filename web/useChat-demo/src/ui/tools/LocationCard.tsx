import { useState } from 'react';
import { findLocation, timeZone } from '../../chat/location';
import { focusChat } from '../focus';
import type { CardProps } from './card';
import { JsonCard } from './JsonCard';

/** `get_location`: the browser asks for permission only after the user has agreed. */
export function LocationCard(props: CardProps) {
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

  if (call.state !== 'running') return <JsonCard {...props} />;
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
