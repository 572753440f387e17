import { type CallOptions, isBallastError } from '../core/index.ts'
import type { Version } from '../model/index.ts'
import type { ScanFacts } from '../policy/index.ts'
import type { Store } from '../store/index.ts'
import { scanVersion } from './scan-version.ts'

/** What a scan of the version's files finds, made here or remembered from here: nobody's report counts. */
export async function scanFacts(
  { store, version }: { readonly store: Store; readonly version: Version },
  options: CallOptions,
): Promise<ScanFacts> {
  try {
    const { verdict, files } = await scanVersion(store, version, options)
    const worst = files.filter((file) => file.verdict === verdict)
    const findings = worst.map(
      ({ path, findings: [first] }) => `${path}${first === undefined ? '' : ` (${first.what})`}`,
    )
    return { verdict, findings: verdict === 'clean' ? [] : findings }
  } catch (error) {
    // Of what is not there, or not what it was, nothing is known.
    if (!isBallastError(error, 'NOT_FOUND') && !isBallastError(error, 'DAMAGED')) throw error
    return { verdict: 'unreadable', findings: [error.message] }
  }
}
