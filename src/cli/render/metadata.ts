import { oneLine } from '../../core/index.ts'
import type { MetadataValue, MetadataValues } from '../../model/index.ts'
import type { MetadataChange } from '../../workflows/metadata.ts'
import { formatTable } from './text.ts'

/** `license mit, label.team nlp`. */
export function formatMetadataValues(values: MetadataValues): string {
  const told = Object.entries(values).map(([name, value]) => `${name} ${formatValue(value)}`)
  return told.join(', ') || 'no metadata'
}

/** A line of `show`; none where nothing was said. */
export function formatMetadata(values: MetadataValues): string {
  return Object.keys(values).length === 0 ? '' : `said of it: ${formatMetadataValues(values)}\n`
}

/** Below the files of `diff`: what is not said alike of both versions. */
export function formatMetadataChanges(
  changes: readonly MetadataChange[],
  { from, to }: { readonly from: string; readonly to: string },
): string {
  if (changes.length === 0) return ''
  const cell = (value: MetadataValue | undefined): string => (value === undefined ? '-' : formatValue(value))
  return `\n${formatTable(
    ['METADATA', from, to],
    changes.map(({ name, before, after }) => [name, cell(before), cell(after)]),
  )}`
}

function formatValue(value: MetadataValue): string {
  return oneLine(typeof value === 'object' ? value.join(' and ') : `${value}`)
}
