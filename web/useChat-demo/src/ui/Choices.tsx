import { useId, useRef } from 'react';
import { useWish, type Wishes } from '../chat/offer';

// Characters; enough for a page of instructions.
const MOST_SYSTEM = 8000;

/** What the server lets the user choose: the model, and instructions for it. Nothing, by default. */
export function Choices({ wishes }: { wishes: Wishes }) {
  const { offer } = useWish(wishes);
  if (offer.models.length < 2 && !offer.takesSystem) return null;
  return (
    <div className="choices">
      {offer.models.length > 1 && <ModelPicker wishes={wishes} />}
      {offer.takesSystem && <Instructions wishes={wishes} />}
    </div>
  );
}

function ModelPicker({ wishes }: { wishes: Wishes }) {
  const { offer } = useWish(wishes);
  return (
    <select
      aria-label="Model"
      value={wishes.model ?? offer.model}
      onChange={(event) => wishes.choose({ model: event.target.value })}
    >
      {offer.models.map((name) => (
        <option key={name}>{name}</option>
      ))}
    </select>
  );
}

function Instructions({ wishes }: { wishes: Wishes }) {
  const { system } = useWish(wishes);
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  return (
    <>
      <button
        type="button"
        className="quiet"
        data-set={system.trim() !== ''}
        onClick={() => dialog.current?.showModal()}
      >
        {system.trim() ? 'Instructions: on' : 'Instructions'}
      </button>
      <dialog ref={dialog} className="endpoint" aria-labelledby={titleId}>
        <div className="form">
          <h2 id={titleId}>Instructions</h2>
          <p>The model reads them before every message, in all chats of this tab.</p>
          <label>
            Instructions
            <textarea
              rows={6}
              dir="auto"
              maxLength={MOST_SYSTEM}
              value={system}
              placeholder="Answer in one sentence."
              onChange={(event) => wishes.choose({ system: event.target.value })}
              onKeyDown={(event) => event.stopPropagation()}
            />
          </label>
          <p className="buttons">
            <button
              type="button"
              className="plain"
              disabled={system === ''}
              onClick={() => wishes.choose({ system: '' })}
            >
              Clear
            </button>
            <button type="button" className="primary" onClick={() => dialog.current?.close()}>
              Done
            </button>
          </p>
        </div>
      </dialog>
    </>
  );
}
