/**
 * Time zones: their names, the places people mean by them, and what a zone's clocks show. Owns the table of places;
 * zones and their rules come from the platform (Intl).
 */

/** Places people ask for that are not the name of a zone. */
const PLACES: Readonly<Record<string, string>> = {
  utc: 'UTC',
  gmt: 'UTC',
  india: 'Asia/Kolkata',
  delhi: 'Asia/Kolkata',
  mumbai: 'Asia/Kolkata',
  bangalore: 'Asia/Kolkata',
  beijing: 'Asia/Shanghai',
  china: 'Asia/Shanghai',
  japan: 'Asia/Tokyo',
  korea: 'Asia/Seoul',
  germany: 'Europe/Berlin',
  munich: 'Europe/Berlin',
  hamburg: 'Europe/Berlin',
  france: 'Europe/Paris',
  italy: 'Europe/Rome',
  spain: 'Europe/Madrid',
  poland: 'Europe/Warsaw',
  kyiv: 'Europe/Kiev',
  uk: 'Europe/London',
  england: 'Europe/London',
  'san francisco': 'America/Los_Angeles',
  california: 'America/Los_Angeles',
  seattle: 'America/Los_Angeles',
  boston: 'America/New_York',
  miami: 'America/New_York',
  washington: 'America/New_York',
  'new york city': 'America/New_York',
  nyc: 'America/New_York',
  texas: 'America/Chicago',
};

const zoneByCity = new Map(
  Intl.supportedValuesOf('timeZone').map((zone) => [
    (zone.split('/').at(-1) ?? zone).replaceAll('_', ' ').toLowerCase(),
    zone,
  ]),
);

/** The zone of a name such as `Europe/Berlin`, of a city or of a country; null when it is unknown. */
export function zoneOf(place: string): string | null {
  const name = place.trim();
  if (name.includes('/') && isZone(name)) return name;
  const key = name.toLowerCase();
  return (Object.hasOwn(PLACES, key) ? PLACES[key] : undefined) ?? zoneByCity.get(key) ?? null;
}

export function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** How far a zone's clocks are ahead of UTC at a moment, milliseconds. */
export function zoneOffsetMs(zone: string, atMs: number): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(atMs);
  const part = (type: string): number => Number(parts.find((one) => one.type === type)?.value ?? 0);
  const shown = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
  return shown - Math.floor(atMs / 1000) * 1000;
}

/** The moment at which a zone's clocks show this local time; in a gap of summer time, the moment after it. */
export function momentOf(localMs: number, zone: string): number {
  const first = localMs - zoneOffsetMs(zone, localMs);
  const second = localMs - zoneOffsetMs(zone, first);
  return zoneOffsetMs(zone, second) === localMs - second ? second : Math.max(first, second);
}
