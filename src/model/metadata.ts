import { BallastError } from '../core/index.ts'
import { arrayOf, type Json, objectOf, parseJson } from './json.ts'
import { parseYaml } from './yaml.ts'

/** The type of a document with what somebody says of a version. It is attached to it, and no part of its identity. */
export const MODEL_METADATA = 'application/vnd.ballast.model.metadata.v1+json'
/** In bytes. */
export const LARGEST_METADATA = 256 * 1024

export type MetadataValue = string | number | boolean | readonly string[]

/** By name, in the words of model cards: `license`, `author`, `datasets`, `commit`, `run`; `label.NAME` for whatever else. */
export type MetadataValues = Readonly<Record<string, MetadataValue>>

/** What was said at once; what is said later of the same name counts, and null takes it away. */
export interface Metadata {
  /** ISO 8601. */
  readonly time: string
  /** The verb, or the file in the version that says so. */
  readonly by: string
  readonly values: Readonly<Record<string, MetadataValue | null>>
}

const NAME = /^[a-zA-Z0-9][\w.-]{0,99}$/
const LONGEST_VALUE = 4096
const MOST_VALUES = 200

export function encodeMetadata({ time, by, values }: Metadata): Buffer {
  return Buffer.from(JSON.stringify({ time, by, values }))
}

/** Undefined for anything else. */
export function decodeMetadata(bytes: Uint8Array): Metadata | undefined {
  const { time, by, values } = parseJson(bytes) ?? {}
  if (typeof time !== 'string' || typeof by !== 'string') return undefined
  const sound = Object.entries(objectOf(values)).filter(
    ([name, value]) => NAME.test(name) && (value === null || isValue(value)),
  )
  return { time, by, values: Object.fromEntries(sound) as Metadata['values'] }
}

/** What holds of all that was said, oldest first. */
export function mergeMetadata(all: readonly Pick<Metadata, 'values'>[]): MetadataValues {
  const merged = new Map<string, MetadataValue>()
  for (const [name, value] of all.flatMap(({ values }) => Object.entries(values))) {
    if (value === null) merged.delete(name)
    else merged.set(name, value)
  }
  return Object.fromEntries([...merged].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** `license=mit`; `license=` takes it away. Throws USAGE. */
export function parseMetadataPair(text: string): readonly [name: string, value: string | null] {
  const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? []
  if (!NAME.test(name)) {
    throw new BallastError('USAGE', `${JSON.stringify(text)} is no name and value`, {
      hint: 'write license=mit; a name has letters, digits and . _ - in it',
    })
  }
  if (value.length > LONGEST_VALUE) throw tooMuch(name)
  return [name, value === '' ? null : value]
}

/** A file of names and values, in YAML or JSON; null takes one away. Throws USAGE naming the file. */
export async function parseMetadataFile(text: string, file: string): Promise<Metadata['values']> {
  const { value } = await parseYaml(text, file)
  const entries = Object.entries(objectOf(value))
  if (entries.length === 0) {
    throw new BallastError('USAGE', `${file} holds no metadata`, {
      hint: 'it has a name and a value in each line, as license: mit',
    })
  }
  if (entries.length > MOST_VALUES) throw tooMuch(file)
  for (const [name, one] of entries) {
    if (NAME.test(name) && (one === null || isValue(one))) continue
    throw new BallastError('USAGE', `${file}: ${name} is no metadata`, {
      hint: 'a value is a text, a number, true, false, or a list of texts',
    })
  }
  return Object.fromEntries(entries) as Metadata['values']
}

/** The front matter of a model card (README.md); empty where there is none, or none that can be read. */
export async function frontMatterOf(card: string): Promise<Json> {
  const [, front] = /^\uFEFF?---\r?\n([\s\S]*?)\r?\n---(?:\r?\n|$)/.exec(card) ?? []
  if (front === undefined) return {}
  return parseYaml(front, 'README.md').then(
    ({ value }) => objectOf(value),
    () => ({}),
  )
}

/** What front matter says of the model. */
export function metadataOfCard(front: Json): MetadataValues {
  const known = Object.entries(front).flatMap(([name, one]) => {
    const told = CARD_NAMES.includes(name) ? plainValue(one) : undefined
    return told === undefined ? [] : [[name, told] as const]
  })
  return Object.fromEntries(known)
}

/** The figures that it claims of the model (`model-index`), by their types. */
export function figuresOfCard(front: Json): Json {
  const metrics = arrayOf(front['model-index'])
    .flatMap((model) => arrayOf(objectOf(model).results))
    .flatMap((result) => arrayOf(objectOf(result).metrics))
  const figures = metrics.flatMap((metric) => {
    const { type, value: figure } = objectOf(metric)
    return typeof type === 'string' &&
      NAME.test(type) &&
      typeof figure === 'number' &&
      Number.isFinite(figure)
      ? [[type, figure] as const]
      : []
  })
  return Object.fromEntries(figures.slice(0, MOST_VALUES))
}

/** The Hub's names (huggingface.co/docs/hub/model-cards) that say something of the model. */
const CARD_NAMES: readonly string[] = [
  'license',
  'license_name',
  'license_link',
  'base_model',
  'base_model_relation',
  'datasets',
  'language',
  'library_name',
  'pipeline_tag',
  'tags',
  'metrics',
  'author',
  'authors',
  'version',
]

/** Keys that formats have in their headers, behind `general.` (GGUF) and `modelspec.` (safetensors). */
const HEADER_NAMES: ReadonlyMap<string, string> = new Map([
  ['license', 'license'],
  ['author', 'author'],
  ['authors', 'author'],
  ['organization', 'organization'],
  ['name', 'name'],
  ['title', 'name'],
  ['description', 'description'],
  ['version', 'version'],
  ['url', 'source'],
  ['source.url', 'source'],
  ['dataset', 'datasets'],
  ['producer', 'producer'],
  ['commit', 'commit'],
])

/** What the headers of files say of the model, by the formats' own keys; where several do, the first. */
export function metadataOfHeaders(headers: readonly Readonly<Record<string, string>>[]): MetadataValues {
  const found = new Map<string, string>()
  for (const [key, value] of headers.flatMap((header) => Object.entries(header))) {
    const name = HEADER_NAMES.get(key.replace(/^(?:general|modelspec)\./, '').toLowerCase())
    const text = plainText(value)
    if (name !== undefined && text !== undefined && !found.has(name)) found.set(name, text)
  }
  return Object.fromEntries(found)
}

function plainValue(value: unknown): MetadataValue | undefined {
  if (typeof value === 'string') return plainText(value)
  if (typeof value === 'number' || typeof value === 'boolean') return isValue(value) ? value : undefined
  const list = arrayOf(value).flatMap((one) => (typeof one === 'string' ? (plainText(one) ?? []) : []))
  return list.length === 0 || !isValue(list) ? undefined : list
}

/** On one line; undefined for what is empty or too long. */
function plainText(text: string): string | undefined {
  const plain = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim()
  return plain === '' || plain.length > LONGEST_VALUE ? undefined : plain
}

function isValue(value: unknown): value is MetadataValue {
  if (typeof value === 'string') return value.length <= LONGEST_VALUE
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value === 'boolean') return true
  return (
    Array.isArray(value) &&
    value.length <= MOST_VALUES &&
    value.every((one) => typeof one === 'string' && one.length <= LONGEST_VALUE)
  )
}

function tooMuch(what: string): BallastError {
  return new BallastError('USAGE', `${what} is more than metadata may be`, {
    hint: `at most ${MOST_VALUES} values of ${LONGEST_VALUE} characters; what is longer belongs into a file of the model`,
  })
}
