import { BallastError } from '../core/index.ts'
import type { Unit } from './inputs.ts'

/** What a flag says, in the unit in which the input is kept; a single value is a range of one. */
export interface Reading {
  readonly value: number
  readonly range: readonly [low: number, high: number]
}

/**
 * Reads `VALUE` or `LOW..HIGH`, whose value is the geometric mean (the arithmetic one from zero), whole where things are
 * counted. Throws USAGE with what is wrong and how it is written.
 */
export function readUnit(text: string, unit: Unit, flag: string): Reading {
  const ends = text.split('..').map((part) => finite(READERS[unit].read(part.trim())))
  const [first, second] = ends.length === 1 ? [ends[0], ends[0]] : ends
  if (ends.length > 2 || first === undefined || second === undefined) {
    throw new BallastError('USAGE', `${flag} ${text}: this is no ${READERS[unit].noun}`, {
      hint: `write it as ${READERS[unit].examples}, or a range as ${READERS[unit].range}`,
    })
  }
  const [low, high] = [Math.min(first, second), Math.max(first, second)]
  const middle = low > 0 ? Math.sqrt(low * high) : (low + high) / 2
  return { value: unit === 'count' ? Math.round(middle) : middle, range: [low, high] }
}

interface Reader {
  /** Undefined for what makes no sense. */
  readonly read: (text: string) => number | undefined
  readonly noun: string
  readonly examples: string
  readonly range: string
}

const READERS: Readonly<Record<Unit, Reader>> = {
  bytes: { read: readSize, noun: 'size', examples: '140GB or 700MiB', range: '1GB..4GB' },
  perMonth: {
    read: readRate,
    noun: 'rate',
    examples: '1/week, 3/day, daily or never',
    range: 'monthly..daily',
  },
  count: { read: readCount, noun: 'number of at least one', examples: '40', range: '10..40' },
  share: { read: readShare, noun: 'share', examples: '10% or 0.1', range: '5%..20%' },
  perByte: { read: readLink, noun: 'speed of a link', examples: '1Gbps or 100MB/s', range: '100Mbps..1Gbps' },
  seconds: { read: readTime, noun: 'time', examples: '90s, 5min or 1h', range: '1min..5min' },
  factor: { read: readNumber, noun: 'factor', examples: '1.5', range: '1..2' },
}

/** A bare number is none: whoever writes `140` seldom means bytes. */
const SIZES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

function readSize(text: string): number | undefined {
  const [number, unit] = split(text)
  const size = SIZES[unit.toLowerCase()]
  return size === undefined ? undefined : positive(number * size)
}

const PER_MONTH: Readonly<Record<string, number>> = {
  minute: 43_200,
  hour: 720,
  day: 30,
  week: 30 / 7,
  month: 1,
  quarter: 1 / 3,
  year: 1 / 12,
}

const WORDS: Readonly<Record<string, number>> = {
  never: 0,
  hourly: 720,
  daily: 30,
  weekly: 30 / 7,
  monthly: 1,
  quarterly: 1 / 3,
  yearly: 1 / 12,
}

function readRate(text: string): number | undefined {
  const word = Object.hasOwn(WORDS, text.toLowerCase()) ? WORDS[text.toLowerCase()] : undefined
  if (word !== undefined) return word
  const [, count = '', unit = ''] = /^(.*)\/\s*(minute|hour|day|week|month|quarter|year)$/i.exec(text) ?? []
  const each = PER_MONTH[unit.toLowerCase()]
  const number = readNumber(count)
  return each === undefined || number === undefined ? undefined : number * each
}

function readCount(text: string): number | undefined {
  const count = readNumber(text)
  return count !== undefined && Number.isInteger(count) && count >= 1 ? count : undefined
}

function readShare(text: string): number | undefined {
  const [number, unit] = split(text)
  const share = unit === '%' ? number / 100 : unit === '' ? number : Number.NaN
  return share >= 0 && share <= 1 ? share : undefined
}

const BITS: Readonly<Record<string, number>> = { bps: 1, kbps: 1e3, mbps: 1e6, gbps: 1e9, tbps: 1e12 }

/** Seconds a byte. Bits a second by the names of links, bytes a second as `100MB/s`. */
function readLink(text: string): number | undefined {
  const [number, unit] = split(text.replace(/bit\/s$/i, 'bps'))
  const bits = BITS[unit.toLowerCase()]
  const bytes = unit.toLowerCase().endsWith('/s') ? SIZES[unit.toLowerCase().slice(0, -2)] : undefined
  const perSecond = number * (bits === undefined ? (bytes ?? Number.NaN) : bits / 8)
  return perSecond > 0 && Number.isFinite(perSecond) ? 1 / perSecond : undefined
}

const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, min: 60, h: 3600, d: 86_400 }

function readTime(text: string): number | undefined {
  const [number, unit] = split(text)
  const seconds = SECONDS[unit.toLowerCase()]
  return seconds === undefined || !(number >= 0) ? undefined : number * seconds
}

function readNumber(text: string): number | undefined {
  return /^\d+(?:\.\d+)?$/.test(text.trim()) ? Number(text) : undefined
}

function finite(number: number | undefined): number | undefined {
  return Number.isFinite(number) ? number : undefined
}

function positive(number: number): number | undefined {
  return number > 0 ? number : undefined
}

/** NaN where it begins with no number; a sign is none. */
function split(text: string): readonly [number: number, unit: string] {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*(\S*)$/.exec(text) ?? []
  return [Number(number ?? Number.NaN), unit]
}
