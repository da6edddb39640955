import type { Generation } from '../chat/conversation';
import type { Exchange } from '../wire/exchange';

/** What the figures of both columns say, once both are there. */
export function Summary(props: {
  isBusy: boolean;
  said: Partial<Record<Generation, string>>;
  ui: Exchange | undefined;
  data: Exchange | undefined;
}) {
  const { isBusy, said, ui, data } = props;
  let words = '';
  if (!isBusy && ui?.end?.how === 'complete' && data?.end?.how === 'complete' && data.bytes > 0) {
    const times = (ui.bytes / data.bytes).toFixed(1);
    const answers =
      said['7'] === said['4']
        ? 'Both have the same answer.'
        : 'The model has answered differently.';
    words = `${answers} The UI message stream takes ${times} times the bytes of the data stream.`;
  }
  return (
    <p className="summary" role="status">
      {words}
    </p>
  );
}
