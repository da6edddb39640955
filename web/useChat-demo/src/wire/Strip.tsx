import type { Kind } from './parts';
import type { Exchange } from './recorder';

const WIDTH = 240;
// How far a stroke reaches up and down from the line, in eighths.
const REACH: Record<Kind, number> = {
  text: 5,
  reasoning: 3,
  tool: 8,
  frame: 1.5,
  data: 4,
  error: 8,
  silence: 1,
};

/** The response as a line over time: one stroke per part, at its time of arrival. */
export function Strip({ exchange }: { exchange: Exchange }) {
  const { parts, end } = exchange;
  const duration = Math.max(end?.at ?? 0, parts.at(-1)?.at ?? 0, 250);
  const paths = new Map<Kind, string>();
  let seen = '';
  for (const { at, kind } of parts) {
    const x = ((at / duration) * (WIDTH - 2) + 1).toFixed(1);
    // Thousands of parts share a few hundred places.
    if (seen === kind + x) continue;
    seen = kind + x;
    const reach = REACH[kind];
    paths.set(kind, `${paths.get(kind) ?? ''}M${x} ${8 - reach}V${8 + reach}`);
  }
  return (
    <svg
      className="strip"
      viewBox={`0 0 ${WIDTH} 16`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path className="line" d={`M0 8H${WIDTH}`} />
      {[...paths].map(([kind, d]) => (
        <path key={kind} data-kind={kind} d={d} />
      ))}
    </svg>
  );
}
