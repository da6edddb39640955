// Versions of a chat. A retry or an edit replaces the end of a conversation; what was there before stays
// here as a path of its own, from the first message to the last. Two paths fork at the first message that
// they do not share, and that message then has versions to step between. Knows nothing of React.

/** A conversation from its first message to its last, in the client's own shape. */
export type Path<M> = readonly M[];

/** Says which messages are the same: an answer by its id, a question by what it says. */
export type KeyOf<M> = (message: M) => string;

/** Which version of a message this is, counted from 1. */
export interface Version {
  number: number;
  of: number;
}

// More would only fill the browser's storage.
const MOST_PATHS = 40;

/** Return the paths with one more, as it is now, in the order in which they were first seen. */
export function withPath<M>(paths: Path<M>[], path: Path<M>, keyOf: KeyOf<M>): Path<M>[] {
  if (path.length === 0) return paths;
  const at = paths.findIndex((known) => {
    return shared(known, path, keyOf) === Math.min(known.length, path.length);
  });
  const known = paths[at];
  if (known === undefined) return [...paths, path].slice(-MOST_PATHS);
  // It has gone on, or its last message has; or it is the beginning of one that is known.
  return known.length > path.length ? paths : paths.with(at, path);
}

/** Return which version of its message stands at a place of the shown path, if there are others. */
export function versionAt<M>(
  paths: Path<M>[],
  shown: Path<M>,
  place: number,
  keyOf: KeyOf<M>,
): Version | undefined {
  const keys = keysAt(paths, shown, place, keyOf);
  const message = shown[place];
  if (keys.length < 2 || message === undefined) return undefined;
  return { number: keys.indexOf(keyOf(message)) + 1, of: keys.length };
}

/** Return the latest path with this version of the message at a place of the shown path. */
export function pathWith<M>(
  paths: Path<M>[],
  shown: Path<M>,
  place: number,
  number: number,
  keyOf: KeyOf<M>,
): Path<M> | undefined {
  const wanted = keysAt(paths, shown, place, keyOf)[number - 1];
  return [...paths, shown].findLast((path) => {
    const message = path[place];
    return (
      message !== undefined && keyOf(message) === wanted && shared(path, shown, keyOf) >= place
    );
  });
}

/** Whether both hold the same messages. */
export function isSamePath<M>(one: Path<M>, other: Path<M>, keyOf: KeyOf<M>): boolean {
  return one.length === other.length && shared(one, other, keyOf) === one.length;
}

/** Return the messages that stand at a place, in all paths that are the same up to there. */
function keysAt<M>(paths: Path<M>[], shown: Path<M>, place: number, keyOf: KeyOf<M>): string[] {
  const keys = new Set<string>();
  for (const path of [...paths, shown]) {
    const message = path[place];
    if (message !== undefined && shared(path, shown, keyOf) >= place) keys.add(keyOf(message));
  }
  return [...keys];
}

/** Return how many messages two paths have in common, from their beginning. */
function shared<M>(one: Path<M>, other: Path<M>, keyOf: KeyOf<M>): number {
  const least = Math.min(one.length, other.length);
  for (let at = 0; at < least; at += 1) {
    if (keyOf(one[at] as M) !== keyOf(other[at] as M)) return at;
  }
  return least;
}
