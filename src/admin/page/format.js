// Numbers and times for people.

const THIN = '\u202f';
/** What stands where there is no number: never a zero. */
export const NONE = '–';

/** 412, 9 120, 12.4k, 1.2M. */
export function count(number) {
  if (number == null) return NONE;
  if (number < 10_000) return grouped(Math.round(number));
  const [divisor, unit] = number < 1e6 ? [1e3, 'k'] : number < 1e9 ? [1e6, 'M'] : [1e9, 'G'];
  const scaled = number / divisor;
  return (scaled < 99.95 ? scaled.toFixed(1) : grouped(Math.round(scaled))) + unit;
}

/** All digits, for who hovers. */
export const grouped = number => String(number).replace(/\B(?=(\d{3})+$)/g, THIN);

/** A rate: small ones keep a digit after the point. */
export function rate(number) {
  if (number == null) return NONE;
  return number > 0 && number < 10 ? number.toFixed(1) : count(number);
}

/** 0.02 %, 1.2 %, 34 %. */
export function percent(number) {
  if (number == null) return NONE;
  return (number === 0 ? '0' : number < 1 ? number.toFixed(2) : number < 10 ? number.toFixed(1) : Math.round(number)) + THIN + '%';
}

/** 0.8 ms, 38 ms, 1.2 s, 5 min. */
export function milliseconds(number) {
  if (number == null) return NONE;
  if (number < 9.95) return number.toFixed(1) + THIN + 'ms';
  if (number < 999.5) return Math.round(number) + THIN + 'ms';
  if (number < 60_000) return (number / 1000).toFixed(1) + THIN + 's';
  return Math.round(number / 60_000) + THIN + 'min';
}

/** A length of time on two units at most: 14 s, 3 min 20 s, 2 h 5 min, 9 d. */
export function span(seconds) {
  if (seconds == null) return NONE;
  const whole = Math.max(0, Math.round(seconds));
  const parts = [[Math.floor(whole / 86_400), 'd'], [Math.floor(whole / 3_600) % 24, 'h'], [Math.floor(whole / 60) % 60, 'min'], [whole % 60, 's']];
  const first = parts.findIndex(([number]) => number > 0);
  if (first < 0) return `0${THIN}s`;
  const shown = parts.slice(first, first + (first === 0 && parts[0][0] >= 3 ? 1 : 2));
  return shown.filter(([number]) => number > 0).map(([number, unit]) => number + THIN + unit).join(' ');
}

/** The largest unit alone, for narrow columns: 9 d, 3 h, 20 min. */
export const about = seconds => span(seconds).split(' ')[0];

/** 29:57, 1:05:00: what is left of a time. */
export function countdown(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const two = number => String(number).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** 03:10:02 of this browser's zone. */
export function clock(date) {
  return new Date(date).toLocaleTimeString('en-GB', { hour12: false });
}

/** The time alone for today, with the day before it otherwise. */
export function moment(date, now = Date.now()) {
  const then = new Date(date);
  if (Number.isNaN(then.getTime())) return 'unknown';
  if (then.toDateString() === new Date(now).toDateString()) return clock(then);
  return `${day(then)} ${clock(then).slice(0, 5)}`;
}

/** 22 Nov 2026. */
export function day(date) {
  const then = new Date(date);
  return Number.isNaN(then.getTime()) ? 'unknown' : then.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
}

/** The whole of it with the zone, for who hovers; and in UTC, as logs have it. */
export function exact(date) {
  const then = new Date(date);
  if (Number.isNaN(then.getTime())) return '';
  const local = then.toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'long' });
  return `${local} = ${then.toISOString().replace(/\.\d+Z/, 'Z')}`;
}

/** "1 session", "2 sessions". */
export const several = (number, one, many = `${one}s`) => `${grouped(number)} ${number === 1 ? one : many}`;
