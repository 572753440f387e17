import type { CallOptions } from '../core/index.ts'
import type { Version } from '../model/index.ts'
import type { ScanFacts } from '../policy/index.ts'
import type { Store } from '../store/index.ts'

/** What a scan of the version's files finds, made here or remembered from here. */
export async function scanFacts(
  _content: { readonly store: Store; readonly version: Version },
  _options: CallOptions,
): Promise<ScanFacts> {
  return { verdict: 'unreadable', findings: ['this Ballast has no scanner'] }
}
