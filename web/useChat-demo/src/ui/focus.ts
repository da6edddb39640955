/**
 * Give the focus to the chat before the button that has it goes away; otherwise it would fall to the
 * page, and the next Tab would begin at its top.
 */
export function focusChat(): void {
  document.querySelector<HTMLElement>('.messages')?.focus({ preventScroll: true });
}
