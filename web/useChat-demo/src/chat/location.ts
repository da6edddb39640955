// `get_location` is a tool without a function on the server: the model calls it, the browser answers.

/** Ask the browser where it is; where it does not tell, the time zone has to do. */
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

/** Return what every browser tells without asking anybody. */
export function timeZone(): Record<string, unknown> {
  const { timeZone: name } = Intl.DateTimeFormat().resolvedOptions();
  // "America/Argentina/Buenos_Aires" names a city at its end, "UTC" names none.
  const city = name.includes('/') ? name.split('/').at(-1)?.replaceAll('_', ' ') : undefined;
  return { timeZone: name, ...(city ? { nearbyCity: city } : {}) };
}

function position(): Promise<GeolocationPosition> {
  const PATIENCE_MS = 15_000;
  return new Promise((resolve, reject) => {
    // The browser's own timeout does not count the time that its question stays open.
    setTimeout(() => reject(new Error('The browser does not answer.')), PATIENCE_MS);
    if (!('geolocation' in navigator)) reject(new Error('This browser knows no places.'));
    else navigator.geolocation.getCurrentPosition(resolve, reject, { timeout: PATIENCE_MS });
  });
}
