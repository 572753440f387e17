import { BallastError, explainSystemError } from '../core/index.ts'
import type { ProjectOptions, Session, Store } from '../store/index.ts'

/**
 * Brings `index.json` up to the tags, which have moved by now: that the index cannot be written is a warning and no
 * failure. To run a `rollback` again that has already happened would undo it.
 */
export async function projectTags(
  store: Store,
  session: Session,
  options?: ProjectOptions,
): Promise<readonly string[]> {
  try {
    await store.project(session, options)
    return []
  } catch (thrown) {
    const error = explainSystemError(thrown)
    if (!(error instanceof BallastError)) throw error
    return [`${indexIsBehind(store)}: ${error.message}`]
  }
}

export function indexIsBehind(store: Store): string {
  return `index.json, from which other tools read ${store.root}, is behind the tags (\`ballast verify\` brings it up)`
}
