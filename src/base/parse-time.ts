const FORM =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?))?(Z|[+-]\d{2}:\d{2})?$/i;

/**
 * Milliseconds since the Unix epoch of a date and time: RFC 3339, or with less of it: `2026-11-20T12:00`, with a
 * space as people write it, or the date alone, its first moment. Local time unless it says which. Undefined for
 * anything else, and for days that no month has.
 */
export function parseTime(text: string): number | undefined {
  const [, date, time = '00:00', zone = ''] = FORM.exec(text) ?? [];
  if (date === undefined) return undefined;
  // Date.parse() takes the 30th of February for a day in March.
  const day = Date.parse(`${date}T00:00:00Z`);
  if (Number.isNaN(day) || !new Date(day).toISOString().startsWith(date)) return undefined;
  const timeMs = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}
