import type { Trend } from '../../advise/index.ts'
import type { ChangedAdvice } from '../../workflows/advice-changed.ts'
import { formatNumber, formatTime } from './advice-figures.ts'
import { formatBytes } from './text.ts'

const DOING = { embed: 'embedding', mount: 'mounting' } as const
const TIMES = ['', '', 'twice', 'three times', 'four times', 'five times', 'six times'] as const

/** `Since March 2026 your model grew from … to … and is updated four times as often as the code: mounting now saves …`. */
export function trendNote(trend: Trend): string {
  const { since, fromBytes, toBytes, after, savedSeconds } = trend
  const month = new Date(since).toLocaleDateString('en-GB', {
    month: 'long',
    year: 'numeric',
    timeZone: 'UTC',
  })
  return (
    `Since ${month} your model grew from ${formatBytes(fromBytes)} to ${formatBytes(toBytes)}${often(trend)}: ` +
    `${DOING[after]} now saves ${formatTime(savedSeconds)} a month.`
  )
}

function often({ updatesPerMonth, codeUpdatesPerMonth }: Trend): string {
  if (codeUpdatesPerMonth <= 0 || updatesPerMonth < 1.5 * codeUpdatesPerMonth) return ''
  const times = updatesPerMonth / codeUpdatesPerMonth
  const nearest = Math.round(times)
  return ` and is updated ${TIMES[nearest] ?? `${formatNumber(times)} times`} as often as the code`
}

/** `step` is the line of the Dockerfile, as the image's history has it. */
export function copyNote(step: string): string {
  return `The image has the model in it already: ${step}`
}

/** After a command, where the answer is no longer what it was. */
export function changedNote({ name, before, after, trend }: ChangedAdvice): string {
  const what =
    trend === undefined
      ? `for production ${DOING[after]} is now ahead of ${DOING[before]} ${name}`
      : trendNote(trend).replace(/\.$/, '')
  return `advice: ${what}; why, and no more of this line: ballast advise ${name}`
}
