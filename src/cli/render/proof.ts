import type { Proof } from '../../model/index.ts'

/** What became of a version that an application was to take over, behind its name. */
export function describeProof({ is, why }: Proof): string {
  if (is === 'failed') return `failed: ${why}`
  return {
    pending: 'is yet to be proven',
    served: 'is served',
    untold: 'is ready, version not told',
    nobody: 'is there, and no application runs that could be told',
  }[is]
}
