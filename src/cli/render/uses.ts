import type { SeenUse } from '../../workflows/used-by.ts'
import { formatAge, formatCount } from './text.ts'

const MOST_LINES = 10

/** Lines of `show`: who has the version, the last first. */
export function formatUses(uses: readonly SeenUse[]): string {
  const told = uses.slice(-MOST_LINES).reverse()
  const more = uses.length - told.length
  const lines = told.map(({ kind, place, link, host, time, is }) => {
    if (kind === 'run') return `used by: containers of ballast run on ${host}, last ${formatAge(time)}\n`
    const what =
      kind === 'image' ? `image ${place}` : `${kind} ${place}${link === undefined ? '' : ` (${link})`}`
    const where = kind === 'image' ? '' : ` on ${host}`
    return `used by: ${what}${where}, since ${formatAge(time)}${is === 'unknown' ? ', not looked at' : ''}\n`
  })
  return `${lines.join('')}${more > 0 ? `used by: ${more} more\n` : ''}`
}

/** A cell of `list`: `2 targets, 1 image`. */
export function formatUseCounts(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([kind, count]) => formatCount(count, kind))
    .join(', ')
}
