import { describe, expect, it, vi } from 'vitest';
import { Figures } from '../src/wire/figures';
import { Marks } from '../src/wire/marks';
import { protocolOf, protocolOfText, readPart, split } from '../src/wire/parts';

const UI = [
  'data: {"type":"start","messageId":"msg-1"}',
  'data: {"type":"text-delta","id":"t","delta":"Grüße 🫖"}',
  ': keep-alive',
  'data: {"type":"tool-output-available","toolCallId":"c","output":1}',
  'data: {"type":"finish","messageMetadata":{"usage":{"outputTokens":7}}}',
  'data: [DONE]',
]
  .map((part) => `${part}\n\n`)
  .join('');
const DATA = [
  'f:{"messageId":"msg-1"}',
  '0:"Grüße 🫖"',
  'c:{"toolCallId":"c","argsTextDelta":"{\\"a"}',
  'a:{"toolCallId":"c","result":1}',
  'd:{"finishReason":"stop","usage":{"completionTokens":7}}',
]
  .map((part) => `${part}\n`)
  .join('');

describe('the protocol', () => {
  it.each([
    [{ 'x-vercel-ai-ui-message-stream': 'v1' }, 'ui'],
    [{ 'content-type': 'text/event-stream; charset=utf-8' }, 'ui'],
    [{ 'x-vercel-ai-data-stream': 'v1', 'content-type': 'text/plain' }, 'data'],
    [{ 'content-type': 'application/json' }, 'other'],
    [{}, 'other'],
  ])('is said by headers: %j', (headers, protocol) => {
    expect(protocolOf(new Headers(headers as Record<string, string>))).toBe(protocol);
  });

  it.each([
    [UI, 'ui'],
    [': keep-alive\n\n', 'ui'],
    [DATA, 'data'],
    ['\n\nf:{}\n', 'data'],
    ['{"success":false}', 'other'],
    ['', 'other'],
  ])('is known by the first bytes where there are none: %j', (text, protocol) => {
    expect(protocolOfText(text)).toBe(protocol);
  });
});

describe.each([
  ['ui', UI, 6],
  ['data', DATA, 5],
] as const)('a stream in %s', (protocol, text, count) => {
  it('has the same parts however the network cuts it', () => {
    const whole = split(text, protocol);
    for (let at = 0; at <= text.length; at += 1) {
      const [first, rest] = split(text.slice(0, at), protocol);
      const [second, last] = split(rest + text.slice(at), protocol);
      expect([[...first, ...second], last]).toEqual(whole);
    }
    expect(whole[0]).toHaveLength(count);
    expect(whole[1]).toBe('');
  });

  it('says whose answer it is, how long it was, and where it ends', () => {
    const readings = split(text, protocol)[0].map((raw) => readPart(raw, protocol));

    expect(readings.map(({ messageId }) => messageId).find(Boolean)).toBe('msg-1');
    expect(readings.map(({ outputTokens }) => outputTokens).findLast(Boolean)).toBe(7);
    expect(readings.filter(({ isLast }) => isLast)).toEqual([readings.at(-1)]);
    expect(readings.some(({ isToken, says }) => isToken && says.includes('Grüße 🫖'))).toBe(true);
    expect(readings.some(({ endsWriting }) => endsWriting)).toBe(true);
  });
});

it('what a client counts are the chunks, without keep-alives and the end', () => {
  const readings = split(UI, 'ui')[0].map((raw) => readPart(raw, 'ui'));

  expect(readings.filter(({ isChunk }) => isChunk).map(({ name }) => name)).toEqual([
    'start',
    'text-delta',
    'tool-output-available',
    'finish',
  ]);
});

it.each(['data: {not json', 'data: 7', 'x:', '0', 'data:{"type":7}'])(
  'what nobody sends is shown and breaks nothing: %s',
  (raw) => {
    for (const protocol of ['ui', 'data', 'other'] as const) {
      expect(readPart(raw, protocol).name).not.toBe('');
    }
  },
);

describe('figures', () => {
  const token = readPart('0:"x"', 'data');
  const result = readPart('a:{}', 'data');

  it('leave out the time that tools take', () => {
    const figures = new Figures();
    for (const at of [500, 600, 700]) figures.add(token, at);
    figures.add(result, 5_700);
    for (const at of [6_000, 6_100]) figures.add(token, at);

    expect(figures.speed.firstTokenMs).toBe(500);
    expect(figures.speed).toMatchObject({ tokens: 5, isCounted: false });
    // Four steps from token to token, three of which were the model's.
    expect(figures.speed.tokensPerSecond).toBeCloseTo(4 / 0.3);
  });

  it('leave out the time without a connection', () => {
    const figures = new Figures();
    figures.add(token, 100);
    figures.pause();
    figures.add(token, 9_000);
    figures.add(token, 9_100);

    expect(figures.speed.tokensPerSecond).toBeCloseTo(2 / 0.1);
  });

  it('believe the model, the last time that it counts', () => {
    const figures = new Figures();
    figures.add(token, 1);
    figures.add(readPart('e:{"usage":{"completionTokens":3}}', 'data'), 2);
    figures.add(readPart('d:{"usage":{"completionTokens":8}}', 'data'), 3);

    expect(figures.speed).toMatchObject({ tokens: 8, isCounted: true });
  });

  it('say nothing of one token', () => {
    const figures = new Figures();
    expect(figures.speed).toEqual({
      firstTokenMs: undefined,
      tokensPerSecond: undefined,
      tokens: 0,
      isCounted: false,
    });
    figures.add(token, 1);
    expect(figures.speed.tokensPerSecond).toBeUndefined();
  });
});

it('marks stay few however long an answer is, and keep their kinds', () => {
  const marks = new Marks();
  for (let at = 0; at < 100_000; at += 10) marks.add('text', at);
  marks.add('error', 100_000);

  const strokes = marks.strokes();

  expect(strokes.length).toBeLessThan(1_025);
  expect(strokes.at(-1)?.kind).toBe('error');
  expect(Math.abs((strokes.at(-1)?.at ?? 0) - 100_000)).toBeLessThan(300);
});

describe('recording', () => {
  /** Record a response that brings these reads, and return the exchange when it has been read. */
  async function recorded(body: (string | Uint8Array | Error)[], headers: Record<string, string>) {
    vi.resetModules();
    const { record, useExchanges } = await import('../src/wire/recorder');
    const { renderHook, waitFor } = await import('@testing-library/react');
    const bytes = body.map((read) =>
      typeof read === 'string' ? new TextEncoder().encode(read) : read,
    );
    vi.stubGlobal('fetch', async () => {
      const stream = new ReadableStream<Uint8Array>({
        pull(controller) {
          const read = bytes.shift();
          if (read === undefined) controller.close();
          else if (read instanceof Error) controller.error(read);
          else controller.enqueue(read);
        },
      });
      return new Response(stream, { headers });
    });
    const response = await record('/api/chat', { method: 'POST', body: '{"id":"c"}' });
    const text = await response.text().catch((error: Error) => error);
    const { result, unmount } = renderHook(() => useExchanges());
    await waitFor(() => expect(result.current.at(-1)?.end).toBeDefined());
    unmount();
    return { text, exchange: result.current.at(-1)! };
  }

  it('holds back no byte and splits no letter', async () => {
    const bytes = new TextEncoder().encode(UI);
    // Every byte by itself: a letter of several comes in several reads.
    const reads = [...bytes].map((byte) => Uint8Array.of(byte));

    const { text, exchange } = await recorded(reads, { 'x-vercel-ai-ui-message-stream': 'v1' });

    expect(text).toBe(UI);
    expect(exchange.parts.map(({ raw }) => raw)).toEqual(split(UI, 'ui')[0]);
    expect(exchange).toMatchObject({
      method: 'POST',
      sent: '{"id":"c"}',
      status: 200,
      protocol: 'ui',
      bytes: bytes.length,
      reads: bytes.length,
      messageId: 'msg-1',
      end: { how: 'complete' },
    });
  });

  it('knows the protocol where no header says it', async () => {
    const { exchange } = await recorded([DATA], {});

    expect(exchange.protocol).toBe('data');
    expect(exchange.count).toBe(5);
  });

  it('says that an answer failed by its error part', async () => {
    const { exchange } = await recorded(['0:"a"\n3:"Sorry"\n'], {
      'x-vercel-ai-data-stream': 'v1',
    });

    expect(exchange.end?.how).toBe('failed');
  });

  it('passes on what went wrong', async () => {
    const { text, exchange } = await recorded(['0:"a"\n', new TypeError('network error')], {});

    expect(text).toBeInstanceOf(Error);
    expect(exchange.end?.how).toBe('failed');
  });
});
