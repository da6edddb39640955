// `useCompletion` and `useObject`, which are the same in every major.
import assert from 'node:assert/strict';
import { z } from 'zod';
import { mount } from './mount.mjs';
import { mark } from './wire.mjs';

const WORDS = Array.from({ length: 30 }, (_, n) => `word${n}`).join(' ');
const RECIPE = z.object({
  name: z.string(),
  ingredients: z.array(z.object({ name: z.string(), amount: z.string() })),
  steps: z.array(z.string()),
});

async function openCompletion({ client, url }, options = {}) {
  const { useCompletion } = client.hooks;
  // A `{prompt}` does not say who asks, so the older majors have to.
  const body = client.legacy ? { sdk: client.name } : client.body;
  const finished = [];
  const onFinish = (prompt, completion) => finished.push(completion);
  const api = `${url}/api/completion`;
  const view = mount(
    (wire) => useCompletion({ api, fetch: wire.fetch, body, onFinish, ...options }),
    (hook) => hook.completion ?? '',
  );
  view.finished = finished;
  await view.until((hook) => !hook.isLoading, 'the hook');
  return view;
}

async function openObject({ client, url }, name = 'recipe', place = '') {
  const { experimental_useObject: useObject } = client.hooks;
  const finished = [];
  const onFinish = (outcome) => finished.push(outcome);
  const api = `${url}${place}/api/object/${name}`;
  const view = mount(
    (wire) => useObject({ api, fetch: wire.fetch, schema: RECIPE, onFinish }),
    (hook) => JSON.stringify(hook.object ?? ''),
  );
  view.finished = finished;
  await view.until((hook) => !hook.isLoading, 'the hook');
  return view;
}

function assertLimited(error) {
  const { success, error: sentence, retryAfter } = JSON.parse(error.message);
  assert.equal(success, false);
  assert.match(sentence, /^You may send 1 message a minute; please try again in \d+ seconds?\.$/);
  assert.ok(sentence.includes(` ${retryAfter} second`), sentence);
}

export const hooks = {
  async completion(context) {
    const view = await openCompletion(context);
    view.current.complete('scenario: text tokens=30 delay=0.05');
    await view.until((hook) => view.finished.length === 1 && !hook.isLoading, 'the end');
    assert.ok(view.lengths.length > 3, `the text grew in ${view.lengths.length} steps only`);
    assert.equal(view.current.completion, WORDS);
    assert.deepEqual(view.finished, [WORDS]);
    assert.equal((await view.wire.quiet()).length, 1);
  },

  async 'completion-text'(context) {
    const view = await openCompletion(context, {
      api: `${context.url}/api/completion?protocol=text`,
      body: undefined,
      streamProtocol: 'text',
    });
    view.current.complete('scenario: text tokens=30 delay=0.05');
    await view.until((hook) => view.finished.length === 1 && !hook.isLoading, 'the end');
    assert.ok(view.lengths.length > 3, `the text grew in ${view.lengths.length} steps only`);
    assert.equal(view.current.completion, WORDS);
  },

  async 'completion-error'(context) {
    const view = await openCompletion(context);
    view.current.complete('scenario: error status=400');
    const { error } = await view.until((hook) => hook.error, 'the error');
    assert.equal(JSON.parse(error.message).success, false);
  },

  async 'completion-error-during'(context) {
    const view = await openCompletion(context);
    view.current.complete('scenario: error-inside after=5 delay=0.01');
    const { error, completion } = await view.until((hook) => hook.error, 'the error');
    assert.match(error.message, /^[A-Z].*\.$/);
    assert.equal(completion, 'word0 word1 word2 word3 word4');
  },

  async 'completion-limited'(context) {
    const api = `${context.url}/limited/api/completion?as=${mark()}`;
    const view = await openCompletion(context, { api });
    view.current.complete('Hello');
    await view.until((hook) => view.finished.length === 1 && !hook.isLoading, 'the end');
    view.current.complete('Hello again');
    const { error } = await view.until((hook) => hook.error, 'the refusal');
    assertLimited(error);
  },

  async 'object-limited'(context) {
    const view = await openObject(context, `recipe?as=${mark()}`, '/limited');
    view.current.submit({ dish: 'Fish soup' });
    await view.until((hook) => view.finished.length === 1 && !hook.isLoading, 'the end');
    view.current.submit({ dish: 'Fish soup' });
    const { error } = await view.until((hook) => hook.error, 'the refusal');
    assertLimited(error);
  },

  async object(context) {
    const view = await openObject(context);
    view.current.submit({ dish: 'Fish soup' });
    await view.until(() => view.finished.length === 1, 'the end');
    const [{ object, error }] = view.finished;
    assert.equal(error, undefined);
    assert.deepEqual(view.current.object, object);
    assert.ok(object.steps.length > 0);
    assert.ok(view.lengths.length > 2, `the object grew in ${view.lengths.length} steps only`);
    const [post] = await view.wire.quiet();
    assert.deepEqual(post.body, { dish: 'Fish soup' });
    assert.deepEqual(JSON.parse(post.wire), object);
  },

  /** The stream has no place for an error: it is for the page to see that the object is none. */
  async 'object-violation'(context) {
    const view = await openObject(context);
    view.current.submit('scenario: schema-violation');
    await view.until(() => view.finished.length === 1, 'the end');
    assert.equal(view.finished[0].object, undefined);
    assert.match(String(view.finished[0].error), /name|validation/i);
  },

  async 'object-unknown'(context) {
    const view = await openObject(context, 'no-such-thing');
    view.current.submit({ dish: 'Fish soup' });
    const { error } = await view.until((hook) => hook.error, 'the error');
    assert.match(JSON.parse(error.message).error, /recipe/);
  },
};
