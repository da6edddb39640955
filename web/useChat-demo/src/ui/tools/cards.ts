// Which card shows the calls of which tool, by the tool's name. Your own: a component in a file beside
// this one, which is given the call and returns what there is to see of it, and a line here.
// The calls of all other tools are shown as JSON.
import type { Card } from './card';
import { JsonCard } from './JsonCard';
import { LocationCard } from './LocationCard';
import { WeatherCard } from './WeatherCard';

const CARDS: Record<string, Card> = {
  get_location: LocationCard,
  get_weather: WeatherCard,
};

export function cardOf(toolName: string): Card {
  return (Object.hasOwn(CARDS, toolName) && CARDS[toolName]) || JsonCard;
}

/** The tools that the server only knows by name: the browser runs them. */
export const runsInBrowser = (toolName: string) => toolName === 'get_location';
