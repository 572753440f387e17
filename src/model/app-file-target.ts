import type { Reader } from './app-file-reader.ts'
import { SERVER_LAYOUTS, type ServerLayout } from './server-layout.ts'

/** A place that is kept up with a model. */
export interface AppTarget {
  /** Of the store. */
  readonly ref: string
  /** A directory (`./models`) or a volume (`volume:ml_models`). */
  readonly to: string
  readonly follow: boolean
  /** Outside of this host: what the reference is kept up with. */
  readonly from?: string
  /** The name of the link; the last part of the model's name by default. */
  readonly as?: string
  /** What a model server expects in place of the files. */
  readonly layout?: ServerLayout
  /** Hard links to the store in place of copies. */
  readonly link?: boolean
  /** How often it is looked whether the tag has moved: a number with `ms`, `s` or `m`. */
  readonly every?: string
  /** How many former versions stay whatever their age. */
  readonly keep?: number
  /** How long each former version stays: a number with `ms`, `s` or `m`. */
  readonly grace?: string
}

const KEYS = ['ref', 'to', 'follow', 'from', 'as', 'layout', 'link', 'every', 'keep', 'grace'] as const

const HOST = String.raw`(?:localhost(?::\d+)?|[\w-]+(?:\.[\w-]+)+(?::\d+)?|[\w-]+:\d+)`

/** What each text has to look like, and an example of it; as in `docs/ballast.schema.json`. */
const TEXTS = {
  to: [/^(?:[./~]|volume:.)/, './models or volume:ml_models'],
  from: [
    new RegExp(String.raw`^(?:(?:s3|gs|az|hf|https?)://\S+|${HOST}/\S+)$`),
    'registry.example.com/sentiment:prod or s3://bucket/sentiment:prod',
  ],
  as: [/^(?!\.\.?$|\.ballast$)[^/]+(?:\/[^/]+)?$/, 'sentiment'],
  every: [/^\d+(?:ms|s|m)$/, '30s'],
  grace: [/^\d+(?:ms|s|m)$/, '60s'],
} as const satisfies Readonly<Record<string, readonly [RegExp, string]>>

/** Throws USAGE with file, line and what would be right. */
export function readTarget(at: Reader, value: unknown, index: number): AppTarget {
  const path = ['targets', index]
  const target = at.object(value, path, KEYS)
  const text = (key: keyof typeof TEXTS): string => {
    const found = at.text(target[key], [...path, key])
    const [pattern, example] = TEXTS[key]
    if (!pattern.test(found))
      at.fail([...path, key], `cannot be ${JSON.stringify(found)}`, `write ${example}`)
    return found
  }
  const has = (key: keyof AppTarget): boolean => target[key] !== undefined
  return {
    ref: at.reference(target.ref, [...path, 'ref']),
    to: text('to'),
    follow: has('follow') && at.truth(target.follow, [...path, 'follow']),
    ...(has('from') && { from: text('from') }),
    ...(has('as') && { as: text('as') }),
    ...(has('layout') && { layout: at.oneOf(target.layout, [...path, 'layout'], SERVER_LAYOUTS) }),
    ...(has('link') && { link: at.truth(target.link, [...path, 'link']) }),
    ...(has('every') && { every: text('every') }),
    ...(has('keep') && { keep: at.count(target.keep, [...path, 'keep']) }),
    ...(has('grace') && { grace: text('grace') }),
  }
}
