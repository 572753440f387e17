/** Which fields a mapping may have, and what is in them; `*` stands for any name. */
export interface Fields {
  readonly [field: string]: Field
}

export type Field = 'text' | 'number' | 'truth' | Fields | readonly [Field]

/** The places of fields that are not known or hold something else, as `spec.containers[0].imge`. */
export function unknownFields(value: unknown, field: Field, place = ''): readonly string[] {
  if (field === 'text') return typeof value === 'string' ? [] : [place]
  if (field === 'number') return typeof value === 'number' ? [] : [place]
  if (field === 'truth') return typeof value === 'boolean' ? [] : [place]
  if (isList(field)) {
    if (!Array.isArray(value)) return [place]
    return value.flatMap((item, at) => unknownFields(item, field[0], `${place}[${at}]`))
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [place]
  return Object.entries(value).flatMap(([name, inner]) => {
    const known = Object.hasOwn(field, name) ? field[name] : field['*']
    const there = place === '' ? name : `${place}.${name}`
    return known === undefined ? [there] : unknownFields(inner, known, there)
  })
}

function isList(field: Field): field is readonly [Field] {
  return Array.isArray(field)
}
