// A chat with tools, approvals, a stop button, and answers that go on after a reload.
import { Chat, useChat } from '@ai-sdk/react';
import {
  getToolName,
  isToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses as isReplied,
  type UIMessage,
} from 'ai';
import { useState } from 'react';

export function App(props: { id: string; kept: UIMessage[]; isRunning: boolean }) {
  const { id, kept, isRunning } = props;
  // Not made by the hook: that one would stop the answer whenever React mounts the page anew.
  const [own] = useState(() => new Chat({ id, messages: kept, sendAutomaticallyWhen: isReplied }));
  const chat = useChat({ chat: own, resume: isRunning });
  const isBusy = chat.status === 'submitted' || chat.status === 'streaming';
  const send = (form: FormData) => {
    const text = String(form.get('text')).trim();
    if (text) void chat.sendMessage({ text });
  };
  // A server that keeps chats (CHAT_STORE) goes on without this page, so it has to be told.
  const stop = () =>
    fetch(`/api/chat/${id}/stop`, { method: 'POST' }).finally(() => void chat.stop());
  const reply = (part: Call, approved: boolean) =>
    void (part.approval && chat.addToolApprovalResponse({ id: part.approval.id, approved }));
  return (
    <main>
      {chat.messages.map((message) => (
        <article key={message.id} aria-label={message.role}>
          {message.parts.map((part, index) => {
            if (part.type === 'text') return <p key={index}>{part.text}</p>;
            return isToolUIPart(part) && <ToolCall key={index} part={part} onReply={reply} />;
          })}
        </article>
      ))}
      {chat.error && (
        <p role="alert">
          {chat.error.message} <button onClick={() => void chat.regenerate()}>Try again</button>
        </p>
      )}
      <form action={send}>
        <input name="text" aria-label="Message" autoComplete="off" />
        {isBusy && <input type="button" value="Stop" onClick={() => void stop()} />}
        <button disabled={isBusy}>Send</button>
      </form>
    </main>
  );
}

type Call = Extract<UIMessage['parts'][number], { toolCallId: string }>;

function ToolCall(props: { part: Call; onReply(part: Call, approved: boolean): void }) {
  const { part, onReply } = props;
  return (
    <section aria-label={getToolName(part)}>
      <h3>
        {getToolName(part)} <small>{part.state}</small>
      </h3>
      <pre>{JSON.stringify(part.output ?? part.errorText ?? part.input, null, 2)}</pre>
      {part.state === 'approval-requested' && (
        <p>
          <button onClick={() => onReply(part, true)}>Allow</button>
          <button onClick={() => onReply(part, false)}>Deny</button>
        </p>
      )}
    </section>
  );
}
