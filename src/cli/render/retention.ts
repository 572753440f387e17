import type { Hold, RetentionPolicy, RetentionReport, VersionFacts } from '../../store/index.ts'
import { formatAge, formatBytes, formatCount } from './text.ts'

/** `keeps the last 5, and what was added within 30 days`. */
export function formatPolicy({ keepLast, keepWithinMs, budget }: RetentionPolicy): string {
  const rules = [
    ...(keepLast === undefined ? [] : [`the last ${keepLast} of each model`]),
    ...(keepWithinMs === undefined ? [] : [`what was added within ${formatSpan(keepWithinMs)}`]),
  ]
  const kept = rules.length === 0 ? 'keeps the newest of each model' : `keeps ${rules.join(', and ')}`
  return budget === undefined ? kept : `${kept}; removes only until files take ${formatBytes(budget)}`
}

function formatSpan(ms: number): string {
  const days = ms / 86_400_000
  return days >= 1
    ? formatCount(Math.round(days * 10) / 10, 'day')
    : formatCount(Math.round(ms / 60_000), 'minute')
}

/** Before the blobs: which versions go, and of a dry run why the others stay. */
export function formatRetention(
  { removed, kept, budget }: RetentionReport,
  { verb, isDry }: { readonly verb: string; readonly isDry: boolean },
): string {
  const gone = removed.map((version) => `${verb} ${nameOf(version)}   added ${formatAge(version.time)}\n`)
  const stays = isDry
    ? kept.map((version) => `keeps ${nameOf(version)}   ${version.because.map(formatHold).join('; ')}\n`)
    : []
  const held =
    budget !== undefined && budget.after > budget.limit
      ? `files ${isDry ? 'would ' : ''}still take ${formatBytes(budget.after)}, and ${formatBytes(budget.limit)} are allowed: the rest is held\n`
      : ''
  return `${gone.join('')}${stays.join('')}${verb} ${formatCount(removed.length, 'version')} of ${removed.length + kept.length}\n${held}`
}

function nameOf({ model, number }: VersionFacts): string {
  return `${model}:${number}`
}

function formatHold({ kind, by }: Hold): string {
  switch (kind) {
    case 'newest':
      return `the newest of ${by}`
    case 'last':
      return by === '1' ? 'the last' : `one of the last ${by}`
    case 'within':
      return `added ${formatAge(by)}`
    case 'budget':
      return 'there is room for it'
    case 'tag':
      return `tag ${by}`
    case 'rollback':
      return `a rollback of ${by} returns to it`
    case 'lease':
      return `used by ${by}`
    case 'image':
      return `image ${by} of this store has it embedded`
    default:
      return `${kind} ${by}`
  }
}
