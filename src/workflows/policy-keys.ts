import { resolve } from 'node:path'
import type { AppFile } from '../model/index.ts'
import type { Store } from '../store/index.ts'

/** The store for what a `ballast.yaml` in the directory says of who may set policies. Throws NOT_FOUND and USAGE for its key. */
export async function withPolicyKey(
  store: Store,
  { policyKey }: Pick<AppFile, 'policyKey'>,
  directory: string,
): Promise<Store> {
  if (policyKey === undefined) return store
  const { publicKeyFrom } = await import('./signers.ts')
  const { pem } = await publicKeyFrom(resolve(directory, policyKey))
  return { ...store, policyKeys: [...store.policyKeys, pem] }
}
