import { BallastError } from '../core/index.ts'
import type { Json } from '../model/index.ts'

/** What is wrong with a field. */
export type Fail = (why: string) => BallastError

/** Of the fields of a document that `what` names in messages. */
export function failing(what: string): (field: string) => Fail {
  return (field) => (why) =>
    new BallastError('USAGE', `${what}: ${field} ${why}`, {
      hint: 'the rules of a policy are told by `ballast policy --help` and docs/lifecycle.md',
    })
}

/** Throws for what is none. */
export function objectIn(value: unknown, fail: Fail): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw fail('has to be a mapping')
}

/** Throws for a field that is not known. */
export function refuseOthers(others: Json, known: readonly string[], fail: (field: string) => Fail): void {
  const [first] = Object.keys(others)
  if (first !== undefined) throw fail(first)(`is not known; there are ${known.join(', ')}`)
}
