import type { Kind } from './parts';
import type { Exchange } from './exchange';

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
  break: 8,
};

/** The response as a line over time: one stroke per part, at its time of arrival. */
export function Strip({ exchange }: { exchange: Exchange }) {
  const { parts, count, end, marks } = exchange;
  const duration = Math.max(end?.at ?? 0, parts[count - 1]?.at ?? 0, 250);
  const paths = new Map<Kind, string>();
  for (const { at, kind } of marks.strokes()) {
    const x = (Math.min(at / duration, 1) * (WIDTH - 2) + 1).toFixed(1);
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
