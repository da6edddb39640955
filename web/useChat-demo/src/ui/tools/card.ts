import type { ComponentType } from 'react';
import type { Conversation, ToolCall } from '../../chat/conversation';

export type ToolActions = Pick<Conversation, 'answer' | 'refuse' | 'approve'>;

/** What a card is given: the call as it is now, and what the user may do about it. */
export interface CardProps {
  call: ToolCall;
  /** Whether buttons may be pressed: the call is the chat's latest, and no answer is being written. */
  canAct: boolean;
  actions: ToolActions;
}

/** What is drawn of a call below its name and its state. */
export type Card = ComponentType<CardProps>;
