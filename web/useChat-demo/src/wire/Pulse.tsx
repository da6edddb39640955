import type { Exchange } from './exchange';
import type { Kind } from './parts';

const BARS = 24;
const HEIGHT = 16;
// What a bar is drawn as: the rarest of what arrived in its time.
const RANK: Kind[] = ['error', 'break', 'tool', 'text', 'reasoning', 'data', 'frame', 'silence'];

/**
 * How an answer arrived, small: each bar is a share of its time, as high as much arrived in it. Bars
 * of different heights, with gaps: a full line would look like progress that is stuck.
 */
export function Pulse({ exchange }: { exchange: Exchange }) {
  const { parts, count: partCount, end } = exchange;
  const duration = Math.max(end?.at ?? 0, parts[partCount - 1]?.at ?? 0, 1);
  const counts = Array.from({ length: BARS }, () => 0);
  const kinds: (Kind | undefined)[] = Array.from({ length: BARS }, () => undefined);
  for (const { at, kind } of parts.slice(0, partCount)) {
    const bar = Math.min(BARS - 1, Math.floor((at / duration) * BARS));
    counts[bar] = (counts[bar] ?? 0) + 1;
    const before = kinds[bar];
    if (before === undefined || RANK.indexOf(kind) < RANK.indexOf(before)) kinds[bar] = kind;
  }
  const most = Math.max(...counts, 1);
  return (
    <svg className="pulse" viewBox={`0 0 ${BARS * 3} ${HEIGHT}`} aria-hidden="true">
      {counts.map((count, bar) => {
        // Nothing is a dot on the line.
        const height = count === 0 ? 1 : 3 + Math.sqrt(count / most) * (HEIGHT - 3);
        return (
          <rect
            key={bar}
            data-kind={kinds[bar]}
            x={bar * 3}
            y={HEIGHT - height}
            width={2}
            height={height}
            rx={0.75}
          />
        );
      })}
    </svg>
  );
}
