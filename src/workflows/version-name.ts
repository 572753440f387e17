import { formatReference, type Marker } from '../model/index.ts'
import type { ResolvedVersion } from './resolve.ts'

/** `sentiment:3`; of a version without a number what it was called by. */
export function versionName({
  model,
  number,
  reference,
}: Pick<Marker, 'model' | 'number' | 'reference'>): string {
  return number === 0 ? reference : `${model}:${number}`
}

export function resolvedName({ reference, number }: Pick<ResolvedVersion, 'reference' | 'number'>): string {
  return versionName({ model: reference.name, number, reference: formatReference(reference) })
}
