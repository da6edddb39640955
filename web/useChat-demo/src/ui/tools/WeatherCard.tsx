import type { CardProps } from './card';
import { JsonCard } from './JsonCard';

interface Weather {
  city: string;
  temperature_celsius: number;
  conditions: string;
}

/** `get_weather`: a place, how warm it is there, and the sky. */
export function WeatherCard(props: CardProps) {
  const weather = props.call.output;
  // Another tool of this name may say something else.
  if (!isWeather(weather)) return <JsonCard {...props} />;
  const { city, temperature_celsius: degrees, conditions } = weather;
  return (
    <div className="weather">
      <Sky conditions={conditions} />
      <p className="degrees">{Math.round(degrees)} °C</p>
      <p>
        <b>{city}</b>
        <span>{conditions}</span>
      </p>
    </div>
  );
}

function isWeather(output: unknown): output is Weather {
  if (typeof output !== 'object' || output === null) return false;
  const { city, temperature_celsius: degrees, conditions } = output as Record<string, unknown>;
  return typeof city === 'string' && typeof degrees === 'number' && typeof conditions === 'string';
}

const SUN =
  'M12 7.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4';
const CLOUD = 'M7 17.5a4 4 0 0 1-.4-8 5.5 5.5 0 0 1 10.5 1.1 3.5 3.5 0 0 1-.6 6.9z';
const SMALL_CLOUD = 'M10 19.5a3.2 3.2 0 0 1-.3-6.4 4.4 4.4 0 0 1 8.4.9 2.8 2.8 0 0 1-.5 5.5z';
const SKIES: [RegExp, string, string][] = [
  [/snow|sleet/i, 'cold', `${CLOUD}M9 21h.01M12 20.5h.01M15 21h.01`],
  [/thunder|storm/i, 'wet', `${CLOUD}m5.5 1.5-2 3h3l-2 2.5`],
  [/rain|shower|drizzle/i, 'wet', `${CLOUD}m2 2-1 2M12 19.5l-1 2M15 19.5l-1 2`],
  [
    /wind|gale|breez/i,
    'wind',
    'M3 9h11a2.5 2.5 0 1 0-2.5-2.5M3 13h15a2.5 2.5 0 1 1-2.5 2.5M3 17h7a2 2 0 1 1-2 2',
  ],
  [
    /partly|partial/i,
    'sun',
    `M8 4v1.5M2.5 9.5H4M4.1 5.6l1 1M11.9 5.6l-1 1M5.3 12.3A4 4 0 1 1 11.6 8${SMALL_CLOUD}`,
  ],
  [/cloud|overcast|fog|mist/i, 'wind', CLOUD],
  [/sun|clear|fair/i, 'sun', SUN],
];

/** A drawing of the sky; the words beside it say the same. */
function Sky({ conditions }: { conditions: string }) {
  const [, kind, path] = SKIES.find(([words]) => words.test(conditions)) ?? ['', 'wind', CLOUD];
  return (
    <svg className="sky" data-kind={kind} viewBox="0 0 24 24" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}
