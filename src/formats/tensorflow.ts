import { createCursor } from './cursor.ts'
import type { FileFacts } from './facts.ts'
import { eachField, LENGTH_DELIMITED, VARINT } from './protobuf.ts'
import { Malformed, type RandomAccess, TooLarge } from './random-access.ts'

const LIMITS = { bytes: 16 * 1024 * 1024, reads: 2000 }
const MOST_FIELDS = 1000

/** SavedModel (tensorflow/core/protobuf/saved_model.proto): its version, which has always been 1, and its graphs. */
export async function inspectSavedModel(source: RandomAccess): Promise<FileFacts | undefined> {
  if (!/(?:^|\/)saved_model\.pb$/.test(source.path)) return undefined
  const cursor = createCursor(source, LIMITS)
  let version = 0n
  let graphs = 0
  try {
    await eachField(cursor, { end: source.size, budget: { fields: MOST_FIELDS } }, (field) => {
      if (field.number === 1 && field.wire === VARINT) version = field.value
      else if (field.number === 2 && field.wire === LENGTH_DELIMITED) graphs++
      else throw new Malformed('it is no SavedModel')
      return undefined
    })
  } catch (error) {
    if (error instanceof Malformed || error instanceof TooLarge) return undefined
    throw error
  }
  return version === 1n && graphs > 0 ? { format: 'tensorflow-saved-model' } : undefined
}
