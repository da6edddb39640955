// The comparison is a page of its own at `?compare`, with the server that the chat's page uses.

export const isComparison = (): boolean => new URLSearchParams(location.search).has('compare');

/** Return the address of the comparison, or of the chat. */
export function addressOfComparison(is: boolean): string {
  const next = new URL(location.href);
  if (is) next.searchParams.set('compare', '');
  else next.searchParams.delete('compare');
  return next.pathname + next.search;
}
