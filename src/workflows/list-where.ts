import { BallastError } from '../core/index.ts'
import { numberOfTag, splitReference } from '../model/index.ts'
import { type Condition, fieldsOf, matches, parseWhere } from '../policy/index.ts'
import type { ListedVersion } from './list.ts'

/** Fields that every version may have, and what of it they are. */
const FIELDS = new Map<string, (version: ListedVersion) => readonly (string | number | undefined)[]>([
  ['model', ({ ref }) => [splitReference(ref).name]],
  ['number', ({ ref }) => [numberOfTag(splitReference(ref).tag ?? '')]],
  ['tag', ({ tags }) => tags],
  ['digest', ({ digest }) => [digest]],
  ['format', ({ format }) => [format]],
  ['precision', ({ precision }) => [precision]],
  ['parameters', ({ parameters }) => [parameters]],
  ['files', ({ files }) => [files]],
  ['bytes', ({ bytes }) => [bytes]],
  ['added', ({ added }) => [added || undefined]],
])

/** Throws USAGE for what is no condition, and for a field that no version has. */
export function conditionOn(text: string): Condition {
  const condition = parseWhere(text)
  for (const field of fieldsOf(condition)) {
    if (FIELDS.has(field) || /^(?:metric|meta|label)\../.test(field)) continue
    throw new BallastError('USAGE', `no version has a field ${JSON.stringify(field)}`, {
      hint: `there are ${[...FIELDS.keys()].join(', ')}, metric.NAME, meta.NAME and label.NAME`,
    })
  }
  return condition
}

export function selectVersions(
  versions: readonly ListedVersion[],
  condition: Condition,
): readonly ListedVersion[] {
  return versions.filter((version) => matches(condition, (field) => valuesOf(version, field)))
}

function valuesOf(version: ListedVersion, field: string): readonly (string | number)[] {
  const known = FIELDS.get(field)
  if (known !== undefined) return known(version).filter((value) => value !== undefined)
  const [, kind, name = ''] = /^(metric|meta|label)\.(.+)$/.exec(field) ?? []
  if (kind === 'metric') {
    const figure = Object.hasOwn(version.figures, name) ? version.figures[name] : undefined
    return figure === undefined ? [] : [figure]
  }
  const key = kind === 'label' ? `label.${name}` : name
  const value = Object.hasOwn(version.metadata, key) ? version.metadata[key] : undefined
  if (value === undefined) return []
  return typeof value === 'object' ? value : [typeof value === 'number' ? value : `${value}`]
}
