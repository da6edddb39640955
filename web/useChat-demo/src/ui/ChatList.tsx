import type { ListedChat, Place } from '../chat/useChats';
import { Icon } from './Icon';
import type { Drawer } from './useDrawer';

export function ChatList(props: {
  drawer: Drawer;
  chats: ListedChat[];
  place: Place;
  problem?: string;
  currentId: string;
  onNew(): void;
  onOpen(entry: ListedChat): void;
  onForget(entry: ListedChat): void;
}) {
  const { isOpen, ref } = props.drawer;
  return (
    <nav id="chat-list" className="chat-list" aria-label="Chats" hidden={!isOpen} ref={ref}>
      <button className="new" onClick={props.onNew}>
        <Icon name="plus" /> New chat
      </button>
      <ul>
        {props.chats.map((entry) => (
          <li key={entry.id} data-current={entry.id === props.currentId}>
            <button
              className="entry"
              onClick={() => props.onOpen(entry)}
              aria-current={entry.id === props.currentId ? 'page' : undefined}
            >
              <span>{entry.title}</span>
              <small>
                {when(entry.changedAt)}
                {entry.generation && ` · AI SDK ${entry.generation}`}
              </small>
            </button>
            <button
              className="quiet"
              onClick={() => props.onForget(entry)}
              aria-label={`Delete the chat “${entry.title}”`}
            >
              <Icon name="close" />
            </button>
          </li>
        ))}
      </ul>
      {props.problem && (
        <p className="problem" role="alert">
          {props.problem}
        </p>
      )}
      {props.place !== 'asking' && (
        <p className="hint">
          {props.place === 'server'
            ? 'Chats are kept by the server.'
            : 'Chats are kept in this browser only.'}
        </p>
      )}
    </nav>
  );
}

function when(time: number): string {
  const date = new Date(time);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday
    ? date.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' })
    : date.toLocaleDateString(undefined, { day: 'numeric', month: 'short' });
}
