import type { Store } from '../store/index.ts'

/**
 * The store for what has been brought by the tag of a remote: who may set policies there was asked when it was pulled, and in the
 * store the tag has none of its own. One that it has is kept all the same.
 */
export function admittedElsewhere(store: Store): Store {
  return { ...store, policyKeys: [] }
}
