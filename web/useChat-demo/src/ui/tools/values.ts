import type { ToolCall } from '../../chat/conversation';

/** Return a short input, written as the arguments of a call; a longer one is shown below the name. */
export function inlineInput({ state, input }: ToolCall): string | undefined {
  if (state === 'asking' || !isObject(input)) return undefined;
  const text = Object.entries(input)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
    .join(', ');
  return text.length < 48 ? text : undefined;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
