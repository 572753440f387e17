import type { Store } from '../store/index.ts'
import { type Move, history as modelHistory } from './catalog.ts'

/** The moves of a model's tags; of an image or a mounted directory, what stood there before. Oldest first. */
export async function history(store: Store, operand: string): Promise<readonly Move[]> {
  return modelHistory(store, operand)
}
