// Numbers and times as people read them. Thin no-break spaces stand between number and unit.

const GAP = "\u202f";
const NONE = "–";
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const three = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const four = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const PREFIXES = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

const missing = (value) => value === null || value === undefined || !Number.isFinite(value);

/** 92,160 */
export const count = (value) => (missing(value) ? NONE : whole.format(value));

/** 5.29 M */
export function compact(value) {
  if (missing(value)) return NONE;
  for (const [size, prefix] of PREFIXES) if (Math.abs(value) >= size) return three.format(value / size) + GAP + prefix;
  return three.format(value);
}

/** 97.53 % */
export function percent(value, digits = 2) {
  return missing(value) ? NONE : (100 * value).toFixed(digits) + GAP + "%";
}

/** 2.02× */
export const times = (value) => (missing(value) ? NONE : value.toFixed(2) + "×");

/** 1.167 */
export const coefficient = (value) => (missing(value) ? NONE : four.format(value));

/** 256 px */
export const pixels = (value) => (missing(value) ? NONE : whole.format(value) + GAP + "px");

/** 0.514 ms */
export const milliseconds = (value) => (missing(value) ? NONE : three.format(value) + GAP + "ms");

/** 1 h 12 min */
export function duration(seconds) {
  if (missing(seconds)) return NONE;
  if (seconds < 1) return `${three.format(seconds)}${GAP}s`;
  if (seconds < 60) return `${Math.round(seconds)}${GAP}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes}${GAP}min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours}${GAP}h ${minutes % 60}${GAP}min`;
  return `${whole.format(Math.round(hours / 24))}${GAP}days`;
}

/** 2-3-3-4 */
export const chain = (values) => (Array.isArray(values) ? values.join("-") : NONE);

/** 1 trial, 2 trials */
export const plural = (n, one, many = one + "s") => `${whole.format(n)} ${n === 1 ? one : many}`;

export const dateTime = (iso) => (iso ? moment.format(new Date(iso)) : NONE);
export const time = (iso) => clock.format(iso ? new Date(iso) : new Date());

/** 3 minutes ago; further back than a week, the date. */
export function ago(iso, now = Date.now()) {
  if (!iso) return NONE;
  const seconds = (new Date(iso).getTime() - now) / 1000;
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) < size) continue;
    return unit === "day" && seconds < -7 * size ? dateTime(iso) : relative.format(Math.trunc(seconds / size), unit);
  }
  return "just now";
}
