// `get_location` has no function on the server: the model calls it, the browser gives the result.

/** Ask the browser for its location; if it does not give one, use the time zone. */
export async function findLocation(): Promise<Record<string, unknown>> {
  try {
    const { coords } = await position();
    return {
      latitude: Number(coords.latitude.toFixed(2)),
      longitude: Number(coords.longitude.toFixed(2)),
      accuracyMeters: Math.round(coords.accuracy),
    };
  } catch {
    return { ...timeZone(), note: 'The browser did not tell more than its time zone.' };
  }
}

/** Return what every browser reveals without asking the user. */
export function timeZone(): Record<string, unknown> {
  const { timeZone: name } = Intl.DateTimeFormat().resolvedOptions();
  // "America/Argentina/Buenos_Aires" ends in a city, "UTC" does not.
  const city = name.includes('/') ? name.split('/').at(-1)?.replaceAll('_', ' ') : undefined;
  return { timeZone: name, ...(city ? { nearbyCity: city } : {}) };
}

function position(): Promise<GeolocationPosition> {
  const PATIENCE_MS = 15_000;
  return new Promise((resolve, reject) => {
    // The browser's own time-out does not run while it asks the user.
    setTimeout(() => reject(new Error('The browser does not answer.')), PATIENCE_MS);
    if (!('geolocation' in navigator)) reject(new Error('This browser knows no places.'));
    else navigator.geolocation.getCurrentPosition(resolve, reject, { timeout: PATIENCE_MS });
  });
}
