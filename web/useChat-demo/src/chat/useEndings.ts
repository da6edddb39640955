import { useState } from 'react';
import type { Ending, Message } from './conversation';

const ENDINGS: Record<string, Ending> = {
  length: 'cut',
  'content-filter': 'filtered',
  error: 'failed',
};

/** Remember why answers ended: the hooks tell it once, to `onFinish`, and not in the message. */
export function useEndings() {
  const [endings, setEndings] = useState<Record<string, Ending>>({});
  return {
    endOf: ({ id }: Message) => endings[id],
    note: (id: string, finishReason: string | undefined) => {
      const ending = ENDINGS[finishReason ?? ''];
      if (ending && endings[id] !== ending) setEndings((before) => ({ ...before, [id]: ending }));
    },
  };
}
