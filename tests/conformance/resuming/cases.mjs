// What a connection does that no relay can be made to do: `resumingFetch` against made-up responses.
import assert from 'node:assert/strict';
import { loadOurs } from './load.mjs';

const { resumingFetch, ConnectionLost } = await loadOurs('resumingFetch.ts');

const ui = (...chunks) => chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`);
const word = (delta) => ({ type: 'text-delta', id: 't1', delta });
const BEGIN = [{ type: 'start' }, { type: 'start-step' }, { type: 'text-start', id: 't1' }];
const END = [{ type: 'text-end', id: 't1' }, { type: 'finish-step' }, { type: 'finish' }];
const WHOLE = [...ui(...BEGIN, ...['a', 'b', 'c', 'd'].map(word), ...END), 'data: [DONE]\n\n'];
const HEADERS = { 'x-vercel-ai-ui-message-stream': 'v1', 'x-chat-turn-id': 'turn-1' };

/** A body of these pieces that then breaks or, if `isCut` is false, ends. */
function body(pieces, isCut = true) {
  const left = [...pieces];
  return new ReadableStream({
    pull(controller) {
      if (left.length > 0) controller.enqueue(new TextEncoder().encode(left.shift()));
      else if (isCut) controller.error(new TypeError('network error'));
      else controller.close();
    },
  });
}
const answer = (pieces, isCut) => new Response(body(pieces, isCut), { headers: HEADERS });

/** Ask with these responses, one after the other; return what was asked for and what was read. */
async function ask(responses, { method = 'POST', url = 'http://server/api/chat', ...more } = {}) {
  const asked = [];
  const left = [...responses];
  const fetch = async (input, init) => {
    asked.push({ url: String(input), headers: Object.fromEntries(new Headers(init.headers)) });
    const next = left.shift();
    if (next === undefined) throw new TypeError('fetch failed');
    return next;
  };
  const resuming = resumingFetch({ fetch, pausesMs: [1, 1, 1, 1], ...more });
  const headers = { 'content-type': 'application/json', 'x-mine': 'first' };
  const response = await resuming(url, { method, headers, body: '{}', signal: more.signal });
  const read = response.text();
  return { asked, response, read };
}

const queriesOf = ({ asked }) => asked.slice(1).map(({ url }) => url.replace('http://server', ''));
const GOES_ON = '/api/chat/turn-1/stream?protocol=ui&startIndex=';

const cases = {
  async 'the last chunk is asked for again, and left out'() {
    const chat = await ask([answer(WHOLE.slice(0, 5)), answer(WHOLE.slice(4), false)]);
    assert.equal(await chat.read, WHOLE.join(''));
    assert.deepEqual(queriesOf(chat), [`${GOES_ON}4`]);
  },
  async 'half a chunk is left out'() {
    const half = WHOLE[5].slice(0, 9);
    const chat = await ask([answer([...WHOLE.slice(0, 5), half]), answer(WHOLE.slice(4), false)]);
    assert.equal(await chat.read, WHOLE.join(''));
  },
  async 'a response that ends too early is a break'() {
    const chat = await ask([answer(WHOLE.slice(0, 3), false), answer(WHOLE.slice(2), false)]);
    assert.equal(await chat.read, WHOLE.join(''));
  },
  async 'a break after the last chunk is none'() {
    const chat = await ask([answer(WHOLE)]);
    assert.equal(await chat.read, WHOLE.join(''));
    assert.equal(chat.asked.length, 1);
  },
  async 'nothing has come: all of it is asked for'() {
    const chat = await ask([answer([]), answer(WHOLE, false)]);
    assert.equal(await chat.read, WHOLE.join(''));
    assert.deepEqual(queriesOf(chat), [`${GOES_ON}0`]);
  },
  async 'a POST that was answered with a replay is noticed'() {
    // It was sent twice by the browser, and joined its own turn: the deltas came in one.
    const joined = [...ui(...BEGIN, word('abc'))];
    const others = [answer(WHOLE.slice(3), false), answer(WHOLE, false)];
    const chat = await ask([answer(joined), ...others]);
    assert.equal(await chat.read, [...joined, ...ui(word('d')), ...WHOLE.slice(7)].join(''));
    assert.deepEqual(queriesOf(chat), [`${GOES_ON}3`, `${GOES_ON}0`]);
  },
  async 'what the server has lost with its process is kept, and the error comes'() {
    const error = [...ui({ type: 'text-end', id: 't1' }, { type: 'error', errorText: 'Lost.' })];
    const log = [...WHOLE.slice(0, 5), ...error, 'data: [DONE]\n\n'];
    const chat = await ask([answer(WHOLE.slice(0, 7)), answer(log.slice(6), false), answer(log, false)]);
    assert.equal(await chat.read, [...WHOLE.slice(0, 7), ...error, 'data: [DONE]\n\n'].join(''));
  },
  async 'a replay is followed by another one, whose deltas are joined otherwise'() {
    const replay = [...ui(...BEGIN, word('ab'), word('c'))];
    const again = [...ui(...BEGIN, word('a'), word('bcd')), ...WHOLE.slice(7)];
    const chat = await ask([answer(replay), answer(again, false)], {
      method: 'GET',
      url: 'http://server/api/chat/chat-1/stream?sdk=7',
    });
    assert.equal(await chat.read, [...replay, ...ui(word('d')), ...WHOLE.slice(7)].join(''));
    // By its turn: the chat may have another one by now.
    assert.deepEqual(queriesOf(chat), ['/api/chat/turn-1/stream?sdk=7']);
  },
  async 'the server that is away for a while is asked again'() {
    const away = new Response('{"error":"Away."}', { status: 503, headers: { 'retry-after': '0' } });
    const portal = new Response('<p>Pay for this network', { status: 200 });
    const chat = await ask([answer(WHOLE.slice(0, 5)), away, portal, answer(WHOLE.slice(4), false)]);
    assert.equal(await chat.read, WHOLE.join(''));
    assert.equal(chat.asked.length, 4);
  },
  async 'the server is asked as often as there are pauses'() {
    const states = [];
    const chat = await ask([answer(WHOLE.slice(0, 5))], { onBroken: (is) => states.push(is) });
    await assert.rejects(chat.read, (error) => {
      assert.ok(error instanceof ConnectionLost);
      assert.match(error.message, /^The network connection broke, and the server cannot be reached/);
      return true;
    });
    assert.equal(chat.asked.length, 5);
    assert.deepEqual(states, [true, false]);
  },
  async 'an answer whose stream is gone is read from the chat'() {
    const chat = await ask([answer(WHOLE.slice(0, 5)), new Response(null, { status: 204 })]);
    await assert.rejects(chat.read, /the answer has ended since/);
  },
  async 'a refusal is told in the words of the server'() {
    const words = '{"success":false,"error":"Please sign in."}';
    const chat = await ask([answer(WHOLE.slice(0, 5)), new Response(words, { status: 401 })]);
    await assert.rejects(chat.read, { message: words });
    assert.equal(chat.asked.length, 2);
  },
  async 'each request has the headers of the moment'() {
    let token = 0;
    const headers = () => ({ 'x-chat-token': `token ${(token += 1)}` });
    const responses = [3, 5].map((end) => answer(WHOLE.slice(end === 3 ? 0 : 2, end)));
    const chat = await ask([...responses, answer(WHOLE.slice(4), false)], { headers });
    assert.equal(await chat.read, WHOLE.join(''));
    const [first, ...more] = chat.asked.map(({ headers: sent }) => sent);
    assert.equal(first['x-chat-token'], undefined);
    assert.deepEqual(more, [
      { 'x-mine': 'first', 'x-chat-token': 'token 1' },
      { 'x-mine': 'first', 'x-chat-token': 'token 2' },
    ]);
  },
  async 'who leaves while it waits is not waited for'() {
    const leaving = new AbortController();
    const chat = await ask([answer(WHOLE.slice(0, 5))], {
      signal: leaving.signal,
      pausesMs: [600_000],
      onBroken: (isBroken) => isBroken && setTimeout(() => leaving.abort()),
    });
    await assert.rejects(chat.read, { name: 'AbortError' });
    assert.equal(chat.asked.length, 1);
  },
  async 'what has no turn passes untouched'() {
    const plain = new Response('{}', { status: 400 });
    const chat = await ask([plain]);
    assert.equal(chat.response, plain);
    const unkept = new Response(body([]), { headers: { 'x-vercel-ai-ui-message-stream': 'v1' } });
    const other = await ask([unkept]);
    assert.equal(other.response, unkept);
    await assert.rejects(other.read, /network error/);
    assert.equal(other.asked.length, 1);
  },
  async 'the lines of a data stream are counted, blank ones are not'() {
    const lines = ['f:{"messageId":"m"}\n', '0:"a"\n', '\n', '0:"b"\n', '0:"c"\n', 'd:{}\n'];
    const response = (pieces, isCut) =>
      new Response(body(pieces, isCut), {
        headers: { 'x-vercel-ai-data-stream': 'v1', 'x-chat-turn-id': 'turn-1' },
      });
    const chat = await ask([response(lines.slice(0, 4)), response(lines.slice(3), false)]);
    assert.equal(await chat.read, lines.join(''));
    assert.deepEqual(queriesOf(chat), ['/api/chat/turn-1/stream?protocol=data&startIndex=2']);
    const replay = { method: 'GET', url: 'http://server/api/chat?chatId=chat-1' };
    const call = (argsTextDelta) => `c:${JSON.stringify({ toolCallId: 'c1', argsTextDelta })}\n`;
    const first = [lines[0], '0:"ab"\n', call('{"x')];
    const again = [lines[0], '0:"a"\n', '0:"b"\n', call('{"x":1}'), 'd:{}\n'];
    const followed = await ask([response(first), response(again, false)], replay);
    assert.equal(await followed.read, [...first, call('":1}'), 'd:{}\n'].join(''));
    assert.deepEqual(queriesOf(followed), ['/api/chat?chatId=turn-1']);
  },
};

let count = 0;
for (const [name, one] of Object.entries(cases)) {
  try {
    await one();
    count += 1;
  } catch (error) {
    throw new Error(name, { cause: error });
  }
}
process.stdout.write(`${count} cases\n`, () => process.exit(0));
