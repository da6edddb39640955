import { useEffect, useState } from 'react';
import type { Limit, Limits, ServerChats } from '../chat/serverChats';

/** What is left of the limits of who is signed in; nothing where there are none. */
export function LimitsView({ server }: { server: ServerChats }) {
  const [limits, setLimits] = useState<Limits>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    let isHere = true;
    server.limits().then(
      (found) => isHere && setLimits(found),
      (error: Error) => isHere && setProblem(error.message),
    );
    return () => {
      isHere = false;
    };
  }, [server]);
  if (problem) return <p>What is left of your limits is not known. {problem}</p>;
  const rows = rowsOf(limits);
  if (rows.length === 0) return null;
  return (
    <dl className="limits" aria-label="What is left">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function rowsOf(limits: Limits | undefined): [string, string][] {
  const names: [string, Limit | null | undefined][] = [
    ['Messages this minute', limits?.turnsPerMinute],
    ['Answers at once', limits?.runningTurns],
    ['Tokens today', limits?.tokensPerDay],
  ];
  return names.flatMap(([name, limit]) => (limit ? [[name, inWords(limit)]] : []));
}

function inWords({ limit, used, remaining, resetS }: Limit): string {
  const left = `${remaining.toLocaleString('en')} of ${limit.toLocaleString('en')} left`;
  // A time that has not begun to run does not end either.
  return used > 0 && resetS !== undefined ? `${left}, all again in ${duration(resetS)}` : left;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
