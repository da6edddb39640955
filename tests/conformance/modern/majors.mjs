// One chat in two majors, as while an application updates: each reads what the other has written.
import assert from 'node:assert/strict';
import { loadClient } from '../clients.mjs';
import { openChat as openLegacy, idle, say as sayLegacy, textOf as legacyText } from '../legacy/chat.mjs';
import { mark, openGate } from '../wire.mjs';
import { begin, isWhole, storedChat } from './stored.mjs';
import { say, textOf } from './chat.mjs';

/** Open `chat` in AI SDK 4, whose hooks share what they know of an id in one page. */
async function openIn4(chat, context, id = chat.id) {
  const client = await loadClient('4');
  const response = await fetch(`${chat.url}/api/chats/${chat.id}?sdk=4`);
  const { messages: initialMessages = [] } = await response.json();
  return openLegacy({ ...context, client, url: chat.url }, {
    id,
    initialMessages,
    body: { id: chat.id },
  });
}

export const majors = {
  async 'stored-two-majors'(context) {
    const chat = storedChat(context);
    const first = await openIn4(chat, context);
    await sayLegacy(first, 'My first words');
    await chat.ended();
    const second = await chat.reload();
    assert.equal(second.current.messages.length, 2);
    await say(second, 'What did I say first?');
    assert.match(textOf(second.current.messages[3]), /My first words/);
    await chat.ended();
    const third = await openIn4(chat, context, mark());
    assert.equal(third.current.messages.length, 4);
    assert.deepEqual(
      third.current.messages.map((message) => legacyText(message)),
      second.current.messages.map((message) => textOf(message)),
    );
    await sayLegacy(third, 'What did I say first?');
    assert.match(legacyText(third.current.messages[5]), /My first words/);
    assert.equal((await chat.ended()).length, 6);
  },

  /** One asks, the other follows. */
  async 'stored-followed-in-4'(context) {
    const gate = mark();
    const chat = storedChat(context);
    const asked = await begin(chat, gate);
    const follower = await openIn4(chat, context);
    follower.current.experimental_resume();
    const said = (hook) => legacyText(hook.messages[1]);
    await follower.until((hook) => said(hook) === 'word0 word1 word2', 'three words');
    await openGate(context.site, gate);
    await asked.until(isWhole, 'the rest');
    await follower.until((hook) => idle(hook) && /word12$/.test(said(hook)), 'the rest');
    assert.equal(said(follower.current), textOf(asked.current.messages[1]));
  },

  async 'stored-asked-in-4'(context) {
    const gate = mark();
    const chat = storedChat(context);
    const asked = await openIn4(chat, context);
    asked.current.append({ role: 'user', content: `scenario: stall after=3 gate=${gate}` });
    await asked.until((hook) => legacyText(hook.messages[1]) === 'word0 word1 word2', 'words');
    const follower = await chat.reload();
    await follower.until((hook) => textOf(hook.messages[1]) === 'word0 word1 word2', 'the same');
    await openGate(context.site, gate);
    await follower.until(isWhole, 'the rest');
    await asked.until((hook) => idle(hook) && /word12$/.test(legacyText(hook.messages[1])), 'it');
    assert.equal(textOf(follower.current.messages[1]), legacyText(asked.current.messages[1]));
  },
};
