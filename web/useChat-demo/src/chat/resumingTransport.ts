// The transport of `useChat` in AI SDK 5, 6 and 7 for a server that keeps a turn's stream: after a cut the
// answer goes on by itself. Yours to copy, with `resumingFetch.ts`; it takes the options of `DefaultChatTransport`.
import { DefaultChatTransport, type UIMessage } from 'ai';
import { resumingFetch, type ResumingOptions } from './resumingFetch';

type Options<M extends UIMessage> = NonNullable<
  ConstructorParameters<typeof DefaultChatTransport<M>>[0]
>;

export class ResumingTransport<M extends UIMessage> extends DefaultChatTransport<M> {
  constructor(options: Options<M> & Pick<ResumingOptions, 'pausesMs' | 'onBroken'> = {}) {
    const { headers, pausesMs, onBroken } = options;
    const fetch = resumingFetch({
      fetch: options.fetch,
      // What was sent at first stays, unless the headers are of the moment.
      headers: typeof headers === 'function' ? async () => headersOf(await headers()) : undefined,
      pausesMs,
      onBroken,
    });
    super({ ...options, fetch });
  }
}

const headersOf = (headers: Record<string, string | undefined> | Headers): Headers => {
  if (headers instanceof Headers) return headers;
  const given = Object.entries(headers).filter(
    (pair): pair is [string, string] => pair[1] !== undefined,
  );
  return new Headers(given);
};
