import { dirname } from 'node:path'
import { digestOf, makeShared, readTextNow, replaceFile, type Sharing, systemCode } from '../core/index.ts'
import { type Json, objectOf } from '../model/index.ts'

/**
 * A file of the cache that is larger than one fact: the digest of what follows in the first line, so that one that a loss of power has
 * torn is told, then JSON. Undefined for anything else.
 */
export function readSealed(path: string): Json | undefined {
  try {
    const text = readTextNow(path)
    const end = text?.indexOf('\n') ?? -1
    if (text === undefined || end < 0) return undefined
    const body = text.slice(end + 1)
    if (text.slice(0, end) !== digestOf(body)) return undefined
    return objectOf(JSON.parse(body))
  } catch (error) {
    // What is there can be worked out again.
    if (systemCode(error) === undefined && !(error instanceof SyntaxError)) throw error
    return undefined
  }
}

export interface SealOptions {
  readonly temporaryDirectory: string
  readonly sharing?: Sharing | undefined
}

/** That it cannot be written costs time later, and nothing else. */
export async function writeSealed(
  path: string,
  content: Json,
  { temporaryDirectory, sharing }: SealOptions,
): Promise<void> {
  const body = JSON.stringify(content)
  try {
    await makeShared(dirname(path), sharing)
    await replaceFile(path, `${digestOf(body)}\n${body}`, { temporaryDirectory, mode: sharing?.fileMode })
  } catch (error) {
    if (systemCode(error) === undefined) throw error
  }
}
