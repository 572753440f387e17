import { BallastError } from '../core/index.ts'
import { type Json, objectOf } from './json.ts'
import { parseReference } from './names.ts'
import type { YamlDocument } from './yaml.ts'

export type Path = readonly (string | number)[]

/** Reads values at their places in a document; each call throws USAGE with file, line and what would be right. */
export interface Reader {
  /** Without `keys`, any may be there. */
  readonly object: (value: unknown, path: Path, keys?: readonly string[]) => Json
  readonly list: (value: unknown, path: Path) => readonly unknown[]
  readonly text: (value: unknown, path: Path) => string
  readonly optional: (value: unknown, path: Path) => string | undefined
  readonly oneOf: <T>(value: unknown, path: Path, choices: readonly T[]) => T
  readonly truth: (value: unknown, path: Path) => boolean
  /** A whole number from 0 on. */
  readonly count: (value: unknown, path: Path) => number
  readonly reference: (value: unknown, path: Path) => string
  readonly fail: (path: Path, what: string, hint: string) => never
}

/** `file` is for messages. */
export function createReader({ lineOf }: YamlDocument, file: string): Reader {
  const fail = (path: Path, what: string, hint: string): never => {
    throw new BallastError('USAGE', `${file}:${lineOf(path)}: ${formatPath(path)} ${what}`, { hint })
  }
  const text = (value: unknown, path: Path): string =>
    typeof value === 'string' && value !== ''
      ? value
      : fail(path, 'is not a text', 'write one, in quotes if need be')
  return {
    fail,
    text,
    optional: (value, path) => (value === undefined ? undefined : text(value, path)),
    object(value, path, keys) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        fail(path, 'is not a mapping', keys === undefined ? 'write NAME: VALUE' : `it has ${keys.join(', ')}`)
      }
      const unknown = keys && Object.keys(value as Json).find((key) => !keys.includes(key))
      if (unknown !== undefined) fail([...path, unknown], 'is not known', `there are ${keys?.join(', ')}`)
      return objectOf(value)
    },
    list: (value, path) =>
      Array.isArray(value)
        ? value
        : fail(path, 'is not a list', 'begin each entry with a line that has a dash'),
    oneOf(value, path, choices) {
      const found = choices.find((choice) => choice === value)
      return found ?? fail(path, `is ${JSON.stringify(value)}`, `choose ${choices.join(', ')}`)
    },
    truth: (value, path) =>
      typeof value === 'boolean' ? value : fail(path, 'is neither true nor false', 'write true'),
    count: (value, path) =>
      typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
        ? value
        : fail(path, 'is not a whole number from 0 on', 'write 1'),
    reference(value, path) {
      const ref = text(value, path)
      try {
        parseReference(ref)
      } catch (error) {
        const { message, hint = '' } = error as BallastError
        fail(path, `is ${message}`, hint)
      }
      return ref
    },
  }
}

/** `apps.sentiment-api.models[0].path` */
function formatPath(path: Path): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('')
  return text === '' ? 'the file' : text.replace(/^\./, '')
}
