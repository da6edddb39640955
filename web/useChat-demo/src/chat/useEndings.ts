import { useCallback, useState } from 'react';
import type { Ending, Message } from './conversation';

const ENDINGS: Record<string, Ending> = {
  length: 'cut',
  'content-filter': 'filtered',
  error: 'failed',
};

/** Remember why answers ended: the hooks tell it once, to `onFinish`, and not in the message. */
export function useEndings() {
  const [endings, setEndings] = useState<Record<string, Ending>>({});
  const endOf = ({ id }: Message) => endings[id];
  const note = useCallback((id: string, finishReason: string | undefined) => {
    const ending = ENDINGS[finishReason ?? ''];
    if (!ending) return;
    setEndings((before) => (before[id] === ending ? before : { ...before, [id]: ending }));
  }, []);
  return { endOf, note };
}
