import { oneLine } from '../../core/index.ts'
import {
  figuresOf,
  type Lineage,
  type Metrics,
  MODEL_CARD,
  type ParentVersion,
  type Training,
} from '../../model/index.ts'
import type { DiffResult } from '../../workflows/diff.ts'
import { formatAge, formatCount, formatTable } from './text.ts'

const MOST_LINES = 5

/** Lines of `show`: where a version was captured from, the last time first. */
export function formatLineage(lineage: readonly Lineage[]): string {
  const latest = lineage.slice(-MOST_LINES).reverse()
  return latest
    .map(({ time, by, from, revision, checkpoint, parent, changes, training }) => {
      const part = checkpoint || revision
      const where = part === undefined ? from : `${from}, ${oneLine(part)}`
      if (training !== undefined) return formatTraining(training)
      const came = by === 'add' ? 'fetched' : 'captured'
      const made = parent === undefined ? '' : `, made from ${formatParent(parent)}`
      return `${came}: ${formatAge(time)} (${time}) from ${where}${made}${changes === undefined ? '' : formatChanges(changes)}\n`
    })
    .join('')
}

/** A line of `show`: what was made from a version. */
export function formatChildren(children: readonly ParentVersion[]): string {
  const told = children.slice(0, MOST_CHILDREN).map(formatParent)
  const more = children.length > MOST_CHILDREN ? ` and ${children.length - MOST_CHILDREN} more` : ''
  return children.length === 0 ? '' : `made from it: ${told.join(', ')}${more}\n`
}

const MOST_CHILDREN = 10

/** `trained: 3 days ago (…) with MLflow in run 4f2a, model 9c1b, sklearn, commit 0123456; depth 3`. */
function formatTraining({ run, model, flavors, created, commit, params = {} }: Training): string {
  const when = created === undefined ? '' : `${formatAge(created)} (${oneLine(created)}) `
  const told = [
    `with MLflow${run === undefined ? '' : ` in run ${oneLine(run)}`}`,
    ...(model === undefined ? [] : [`model ${oneLine(model)}`]),
    oneLine(flavors.join(' and ')),
    ...(commit === undefined ? [] : [`commit ${oneLine(commit)}`]),
  ]
  const all = Object.entries(params).map(([name, value]) => oneLine(`${name} ${value}`))
  const more = all.length > MOST_LISTED ? [`${all.length - MOST_LISTED} more`] : []
  const chosen = all.length === 0 ? '' : `; ${[...all.slice(0, MOST_LISTED), ...more].join(', ')}`
  return `trained: ${when}${told.join(', ')}${chosen}\n`
}

/** Behind the verb in `history`: ` of ./run, checkpoint-500 (from sentiment:3)`. */
export function formatOrigin({ from, checkpoint, parent }: Lineage): string {
  const where = checkpoint === undefined || checkpoint === '' ? from : checkpoint
  return ` of ${where}${parent === undefined ? '' : ` (from ${formatParent(parent)})`}`
}

/** Lines of `show`: what was measured, the last time first. */
export function formatMetrics(metrics: readonly Metrics[]): string {
  const latest = metrics.slice(-MOST_LINES).reverse()
  return latest
    .map(({ time, by, beside, run, metrics }) => {
      const figures = formatPairs([...figuresOf(metrics)]) || 'no figures'
      if (by === MODEL_CARD) return `claimed in ${MODEL_CARD}: ${figures}\n`
      const where = run === undefined ? by : `${by} of ${oneLine(run.image)}`
      const others = beside.length === 0 ? '' : `, beside ${beside.join(', ')}`
      return `measured: ${formatAge(time)} (${where}${others}) ${figures}\n`
    })
    .join('')
}

const MOST_LISTED = 3

/** A cell of `list`: the first few. */
export function formatListedFigures(figures: Readonly<Record<string, number>>): string {
  const all = Object.entries(figures)
  const more = all.length > MOST_LISTED ? `, ${all.length - MOST_LISTED} more` : ''
  return `${formatPairs(all.slice(0, MOST_LISTED))}${more}`
}

function formatPairs(figures: readonly (readonly [name: string, figure: number])[]): string {
  return figures.map(([name, figure]) => `${oneLine(name)} ${figure}`).join(', ')
}

/** Below the files of `diff`: the figures of both versions beside each other. */
export function formatFigures({ from, to, metrics }: DiffResult): string {
  if (metrics.length === 0) return ''
  const rows = metrics.map(({ name, before, after }) => [
    name,
    before === undefined ? '-' : `${before}`,
    after === undefined ? '-' : `${after}`,
    before === undefined || after === undefined ? '' : formatStep(after - before),
  ])
  return `\n${formatTable(['METRIC', from, to, 'CHANGE'], rows, [1, 2, 3])}`
}

function formatStep(step: number): string {
  const rounded = Number(step.toPrecision(6))
  return rounded > 0 ? `+${rounded}` : `${rounded}`
}

function formatParent({ model, number, digest }: ParentVersion): string {
  return number === 0 ? `${model}@${digest}` : `${model}:${number}`
}

function formatChanges({ added, removed, changed }: NonNullable<Lineage['changes']>): string {
  const counts = [
    [changed, 'changed'],
    [added, 'added'],
    [removed, 'removed'],
  ] as const
  const told = counts
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${formatCount(count, 'file')} ${what}`)
  return `: ${told.join(', ') || 'no file changed'}`
}
