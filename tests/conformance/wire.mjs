// A fetch that writes down what went over the wire, one for each hook.

/**
 * Return `{fetch, requests, posts, quiet, cut}`.
 *
 * Each of `requests` is `{method, url, body, status, wire, reads}`: `body` is the JSON that was
 * sent, `wire` the text that has come so far and `reads` the number of pieces that it came in.
 * `cut` breaks off every response that is under way, as a lost network does in a browser.
 */
export function recordWire() {
  const requests = [];
  const underWay = new Set();
  let latest = performance.now();

  async function fetchAndRecord(input, init = {}) {
    latest = performance.now();
    const body = init.body === undefined ? undefined : JSON.parse(init.body);
    const request = { method: init.method ?? 'GET', url: String(input), body, wire: '', reads: 0 };
    requests.push(request);
    const response = await fetch(input, init);
    request.status = response.status;
    if (response.body === null) return response;
    const decoder = new TextDecoder();
    let open;
    const seen = new TransformStream({
      start(controller) {
        underWay.add((open = controller));
      },
      transform(chunk, controller) {
        request.reads += 1;
        request.wire += decoder.decode(chunk, { stream: true });
        controller.enqueue(chunk);
      },
      flush() {
        underWay.delete(open);
      },
    });
    return new Response(response.body.pipeThrough(seen), response);
  }

  /** Return the POSTs so far. */
  const posts = () => requests.filter((request) => request.method === 'POST');

  /** Wait until no request has begun for a while; return the POSTs. Fails if they do not end. */
  async function quiet() {
    const QUIET_MS = 250; // a client that posts for ever does so every 40 ms
    while (performance.now() - latest < QUIET_MS) {
      if (posts().length > 8) throw new Error(`${posts().length} POSTs and no end`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    return posts();
  }

  function cut() {
    for (const controller of underWay) controller.error(new TypeError('network error'));
    underWay.clear();
  }

  return { fetch: fetchAndRecord, requests, posts, quiet, cut };
}

/** Return the chunks of a UI message stream, `[DONE]` and comments left out. */
export function chunksOf(wire) {
  return wire
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => JSON.parse(event.slice('data: '.length)));
}

/** Return the lines of a data stream as `[code, value]`. */
export function linesOf(wire) {
  return wire
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => [line[0], JSON.parse(line.slice(2))]);
}

/**
 * Return what the model was asked in the requests that contain `marker`, whichever API they use:
 * `{images, files, calls, answers, body}`. Images and files are URLs, calls are ids, answers
 * `{id, text}`.
 */
export async function askedOfModel(site, marker) {
  const response = await fetch(`${site}/model/requests?containing=${encodeURIComponent(marker)}`);
  return (await response.json()).map((body) => (body.input ? readResponses(body) : readChat(body)));
}

function readChat(body) {
  const content = body.messages.flatMap((message) => message.content ?? []);
  return {
    images: content.filter((part) => part.type === 'image_url').map((part) => part.image_url.url),
    files: content.filter((part) => part.type === 'file').map((part) => part.file.file_data),
    calls: body.messages.flatMap((message) => message.tool_calls ?? []).map((call) => call.id),
    answers: body.messages
      .filter((message) => message.role === 'tool')
      .map((message) => ({ id: message.tool_call_id, text: message.content })),
    body,
  };
}

function readResponses(body) {
  const content = body.input.flatMap((item) => item.content ?? []);
  return {
    images: content.filter((part) => part.type === 'input_image').map((part) => part.image_url),
    files: content.filter((part) => part.type === 'input_file').map((part) => part.file_data),
    calls: body.input.filter((item) => item.type === 'function_call').map((item) => item.call_id),
    answers: body.input
      .filter((item) => item.type === 'function_call_output')
      .map((item) => ({ id: item.call_id, text: item.output })),
    body,
  };
}

/** Let the model go on that waits at the gate of this name. */
export const openGate = (site, name) => fetch(`${site}/model/gate?name=${name}`);

let marks = 0;
/** Return a word that no other flow says. */
export const mark = () => `mark${process.pid}x${(marks += 1)}x`;

/** What the scripted model says in its scenario `unicode`. */
export const UNICODE =
  'é ü ñ · 漢字 かな 한글 · Ελληνικά · العربية עברית · 😀 👩‍👩‍👧‍👦 🇳🇴 · e\u0301 · ' +
  '"quotes" \'single\' \\backslash\\ </script> \t tab \u2028 line separator\nand a new line.';
