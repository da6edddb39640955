// A chat with tools, approvals, a stop button, and answers that go on after a reload.
import { Chat, useChat } from '@ai-sdk/react';
import {
  getToolName,
  isToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses as isReplied,
  type UIMessage,
} from 'ai';
import { useState } from 'react';

export function App({ id, messages: kept, isRunning }: { id: string; messages: UIMessage[]; isRunning: boolean }) {
  // Not made by the hook: that one would stop the answer whenever React mounts the page anew.
  const [own] = useState(() => new Chat({ id, messages: kept, sendAutomaticallyWhen: isReplied }));
  const chat = useChat({ chat: own, resume: isRunning });
  const [text, setText] = useState('');
  const isBusy = chat.status === 'submitted' || chat.status === 'streaming';
  // A server that keeps chats (CHAT_STORE) goes on without this page, so it has to be told.
  const stop = () => fetch(`/api/chat/${id}/stop`, { method: 'POST' }).finally(chat.stop);
  return (
    <main>
      {chat.messages.map(({ id, role, parts }) => (
        <article key={id} aria-label={role}>
          {parts.map((part, index) => {
            if (part.type === 'text') return <p key={index}>{part.text}</p>;
            return isToolUIPart(part) && <ToolCall key={part.toolCallId} part={part} reply={chat.addToolApprovalResponse} />;
          })}
        </article>
      ))}
      {chat.error && (
        <p role="alert">
          {chat.error.message} <button onClick={() => void chat.regenerate()}>Try again</button>
        </p>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isBusy || !text.trim()) return;
          void chat.sendMessage({ text });
          setText('');
        }}
      >
        <input value={text} onChange={({ target }) => setText(target.value)} aria-label="Message" />
        {isBusy && <button type="button" onClick={() => void stop()}>Stop</button>}
        <button disabled={isBusy}>Send</button>
      </form>
    </main>
  );
}

type Call = Extract<UIMessage['parts'][number], { toolCallId: string }>;

function ToolCall({ part, reply }: { part: Call; reply: Chat<UIMessage>['addToolApprovalResponse'] }) {
  const answer = (approved: boolean) => void reply({ id: part.approval!.id, approved });
  return (
    <section aria-label={getToolName(part)}>
      <h3>{getToolName(part)} <small>{part.state}</small></h3>
      <pre>{JSON.stringify(part.output ?? part.errorText ?? part.input, null, 2)}</pre>
      {part.state === 'approval-requested' && (
        <p>
          <button onClick={() => answer(true)}>Allow</button> <button onClick={() => answer(false)}>Deny</button>
        </p>
      )}
    </section>
  );
}
