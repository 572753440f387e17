import { BallastError } from '../core/index.ts'

const UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
}

/** `90m`, `24h`, `7d`, in milliseconds. Throws USAGE, naming the option. */
export function parseDuration(text: string, option: string): number {
  const [, count, unit = ''] = /^(\d+)([smhdw])$/.exec(text) ?? []
  const ms = UNITS[unit]
  if (count !== undefined && ms !== undefined) return Number(count) * ms
  throw new BallastError('USAGE', `${text} is no time`, {
    hint: `write a number with s, m, h, d or w: ${option} 24h`,
  })
}
