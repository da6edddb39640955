// Tools that the user has to approve. 6 and 7 can ask, 5 cannot.
import assert from 'node:assert/strict';
import { askedOfModel, mark } from '../wire.mjs';
import { assertOneAnswer, callsOf, statesOf, told, whenAnswered } from './calls.mjs';
import { answered, ask, openChat, say } from './chat.mjs';

/** Post on its own when the user has had a word on every call that asks. */
const whenApproved = ({ client }) => ({
  sendAutomaticallyWhen: client.ai.lastAssistantMessageIsCompleteWithApprovalResponses,
});

export const approvals = {
  async 'approval-granted'(context) {
    const view = await openChat(context, whenApproved(context));
    view.current.sendMessage({ text: 'Send an e-mail to ada@example.com about lunch' });
    await view.until(answered, 'the question');
    const [asked] = callsOf(view.current.messages[1]);
    assert.equal(asked.state, 'approval-requested');
    assert.equal(asked.input.to, 'ada@example.com');
    view.current.addToolApprovalResponse({ id: asked.approval.id, approved: true });
    await told(view);
    await assertOneAnswer(view, 2);
    const [call] = callsOf(view.current.messages[1]);
    assert.equal(call.state, 'output-available');
    assert.equal(call.output.sent, true);
    await say(view, 'Thanks!');
    assert.equal((await view.wire.quiet()).length, 3);
  },

  /** The user approves what will run, which need not be what the model's deltas said. */
  async 'approval-validated'(context) {
    const args = '{"env": " PROD ", "force": "yes", "notes": {"__proto__": {"a": 1}}}';
    const view = await openChat(context, whenApproved(context));
    const text = `scenario: call tool=release arguments='${args}' delay=0.05`;
    view.current.sendMessage({ text });
    await view.until(answered, 'the question');
    const streamed = view.seen
      .flatMap(callsOf)
      .filter((call) => call.state === 'input-streaming')
      .map((call) => call.input?.env);
    assert.ok(streamed.includes(' PROD '), 'no delta was shown');
    const [asked] = callsOf(view.current.messages[1]);
    assert.equal(asked.state, 'approval-requested');
    const { notes, ...rest } = asked.input;
    assert.deepEqual(rest, { env: 'prod', force: true });
    assert.deepEqual(Object.keys(notes), ['$__proto__']);
    view.current.addToolApprovalResponse({ id: asked.approval.id, approved: true });
    await told(view);
    await assertOneAnswer(view, 2);
    const [call] = callsOf(view.current.messages[1]);
    assert.equal(call.state, 'output-available');
    assert.deepEqual(call.output, { env: 'prod', force: true, keys: ['__proto__'] });
  },

  async 'approval-denied'(context) {
    const marker = mark();
    const view = await openChat(context, whenApproved(context));
    view.current.sendMessage({ text: `Send an e-mail to ada@example.com about ${marker}` });
    await view.until(answered, 'the question');
    const [asked] = callsOf(view.current.messages[1]);
    const reason = 'Not before noon.';
    view.current.addToolApprovalResponse({ id: asked.approval.id, approved: false, reason });
    await told(view);
    await assertOneAnswer(view, 2);
    assert.deepEqual(statesOf(view.current.messages[1]), ['output-denied']);
    const [last] = (await askedOfModel(context.site, marker)).at(-1).answers;
    assert.match(last.text, /Not before noon/);
    await say(view, 'Thanks!');
  },

  async 'approval-mixed'(context) {
    const view = await openChat(context, whenApproved(context));
    view.current.sendMessage({ text: 'scenario: call tool=send_email count=2' });
    await view.until(answered, 'the questions');
    const [first, second] = callsOf(view.current.messages[1]);
    view.current.addToolApprovalResponse({ id: first.approval.id, approved: true });
    assert.equal((await view.wire.quiet()).length, 1);
    view.current.addToolApprovalResponse({ id: second.approval.id, approved: false });
    await told(view);
    await assertOneAnswer(view, 2);
    assert.deepEqual(statesOf(view.current.messages[1]), ['output-available', 'output-denied']);
  },

  /** 5 cannot ask its user, so it says what it is, and the model is told that it cannot. */
  async 'approval-refused'(context) {
    const sdk = context.client.name === '5.0.0' ? '5.0' : '5';
    const view = await ask(context, 'Send an e-mail to ada@example.com about lunch', {
      ...whenAnswered(context),
      body: { sdk },
    });
    await assertOneAnswer(view, 1);
    const [call] = callsOf(view.current.messages[1]);
    assert.equal(call.state, 'output-error');
    assert.match(call.errorText, /approv/i);
  },
};
