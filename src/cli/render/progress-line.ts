import { oneLine, type Step } from '../../core/index.ts'
import { RATE_WINDOW_MS } from './progress-rate.ts'
import type { ItemStanding, StepStanding } from './progress-tally.ts'
import { formatBytes } from './text.ts'
import { cutToWidth, padToWidth, shortenMiddle, widthOf } from './text-width.ts'

const DOING: Readonly<Record<Step, string>> = {
  add: 'adding',
  hash: 'hashing',
  upload: 'sending',
  download: 'fetching',
  copy: 'copying',
  verify: 'verifying',
}
const GAP = '  '

/** What is done, of how much, how fast, how long still; in at most so many columns, and what matters less is left out first. */
export function totalLine(standing: StepStanding, { columns = Infinity, hidden = 0 } = {}): string {
  const { step, items, idle } = standing
  const parts = [
    DOING[step],
    amount(standing),
    idle > RATE_WINDOW_MS ? `nothing for ${timeText(idle)}` : `${formatBytes(standing.perSecond)}/s`,
    timeLeft(standing),
    items.total > 1 ? `${items.done} of ${items.total} files${standing.mayGrow ? ' so far' : ''}` : undefined,
    hidden > 0 ? `+${hidden} more` : undefined,
  ].filter((part) => part !== undefined)
  while (parts.length > 1 && widthOf(parts.join(GAP)) > columns) parts.pop()
  return cutToWidth(parts.join(GAP), columns)
}

/** A line each, as a table. The figures are shorter, or are left out, where they would leave too little of the names. */
export function itemLines(
  items: readonly ItemStanding[],
  { columns }: { readonly columns: number },
): readonly string[] {
  const names = items.map(({ item }) => oneLine(item, Infinity))
  const longest = Math.max(...names.map(widthOf))
  for (const figuresOf of [percentAndBytes, percentOrBytes]) {
    const figures = items.map(figuresOf)
    const room = columns - 2 * GAP.length - Math.max(...figures.map(widthOf))
    if (room < Math.min(longest, LEAST_NAME)) continue
    const width = Math.min(room, longest)
    return names.map(
      (name, at) => GAP + padToWidth(shortenMiddle(name, width), width) + GAP + (figures[at] ?? ''),
    )
  }
  return names.map((name) => cutToWidth(GAP + shortenMiddle(name, columns - GAP.length), columns))
}

/** Columns in which the names of shards can still be told from each other. */
const LEAST_NAME = 20

function amount({ done, total, mayGrow }: StepStanding): string {
  if (total <= done && mayGrow) return formatBytes(done)
  return `${formatBytes(done)} of ${formatBytes(total)}${mayGrow ? ' so far' : ''}`
}

function percentOrBytes({ done, total }: ItemStanding): string {
  if (total === undefined) return formatBytes(done)
  const percent = total === 0 ? 100 : Math.floor((done / total) * 100)
  return `${`${percent}`.padStart(3)} %`
}

function percentAndBytes(one: ItemStanding): string {
  if (one.total === undefined) return percentOrBytes(one)
  return `${percentOrBytes(one)}${GAP}${formatBytes(one.done)} of ${formatBytes(one.total)}`
}

function timeLeft({ done, total, perSecond, mayGrow }: StepStanding): string | undefined {
  if (mayGrow || perSecond < 1 || total <= done) return undefined
  return `${timeText(((total - done) / perSecond) * 1000)} left`
}

/** In whole seconds, and coarser the longer it is: nobody can know better. */
function timeText(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  const minutes = Math.ceil(seconds / 60)
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
