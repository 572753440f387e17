import { type InputName, kindOf, type Quantity, type Unit } from '../../advise/index.ts'
import { formatBytes } from './text.ts'

const MINUTE = 60
const HOUR = 3600
/** In months of 30 days. */
const PERIODS = [
  ['year', 12],
  ['month', 1],
  ['week', 7 / 30],
  ['day', 1 / 30],
  ['hour', 1 / 720],
] as const

/** A value of an input as people write it, and as `ballast advise` reads it. */
export function formatFigure(name: InputName, value: number): string {
  return FORMATS[kindOf(name).unit](value)
}

/** `2/month to 20/month`, the smaller figure first as it is shown; undefined where there is no range. */
export function formatSpan(name: InputName, { low, high }: Quantity): string | undefined {
  if (low === high) return undefined
  const ends = isInverse(name) ? [high, low] : [low, high]
  const [from, to] = ends.map((end) => formatFigure(name, end))
  return from === to ? undefined : `${from} to ${to}`
}

/** Whether the figure that is shown falls when the input rises. */
export function isInverse(name: InputName): boolean {
  return kindOf(name).unit === 'perByte'
}

const FORMATS: Readonly<Record<Unit, (value: number) => string>> = {
  bytes: formatBytes,
  perMonth: formatRate,
  count: (value) => formatNumber(value).replace(',', ''),
  share: (value) => `${formatNumber(value * 100)} %`,
  perByte: formatLink,
  seconds: formatTime,
  factor: (value) => `${formatNumber(value)}x`,
}

/** `1/week`, `20/month`, `2.5/day`, of a rate a month: in the shortest period in which it is a whole number, if any. */
export function formatRate(perMonth: number): string {
  if (perMonth <= 0) return 'never'
  const whole = PERIODS.findLast(([, months]) => isPlain(perMonth * months))
  const [period, months] = whole ?? PERIODS[perMonth < 1 ? 0 : perMonth < 60 ? 1 : perMonth < 1440 ? 3 : 4]
  return `${formatNumber(perMonth * months)}/${period}`
}

/** Whole, and few enough to be counted. */
function isPlain(count: number): boolean {
  const nearest = Math.round(count)
  return nearest >= 1 && nearest <= 24 && Math.abs(count - nearest) < 0.005 * nearest
}

/** `1 Gbps`, of seconds a byte. */
function formatLink(perByte: number): string {
  if (perByte <= 0) return 'unlimited'
  const bits = 8 / perByte
  const [unit, size] = (
    [
      ['Tbps', 1e12],
      ['Gbps', 1e9],
      ['Mbps', 1e6],
      ['kbps', 1e3],
    ] as const
  ).find(([, least]) => bits >= least * 0.9995) ?? ['bps', 1]
  return `${formatNumber(bits / size)} ${unit}`
}

/** `0.3 s`, `14 min`, `2.4 h`: two significant digits, as exact as an estimate can be. */
export function formatTime(seconds: number): string {
  if (seconds < 59.5) return `${formatNumber(seconds)} s`
  if (seconds < 59.5 * MINUTE) return `${formatNumber(Math.max(1, seconds / MINUTE))} min`
  return `${formatNumber(Math.max(1, seconds / HOUR))} h`
}

/** Always in hours, so that several can be compared. */
export function formatHours(seconds: number): string {
  const hours = seconds / HOUR
  if (hours > 0 && hours < 0.005) return '<0.01 h'
  return `${hours < 1 ? Number(hours.toFixed(2)) : formatNumber(hours)} h`
}

/** Two significant digits; whole from 10 on; thousands apart. */
export function formatNumber(value: number): string {
  if (value >= 10) return Math.round(value) >= 1000 ? grouped(value) : `${Math.round(value)}`
  return `${Number(value.toPrecision(2))}`
}

function grouped(value: number): string {
  return `${Math.round(value)}`.replace(/\B(?=(\d{3})+$)/g, ',')
}
