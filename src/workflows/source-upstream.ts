import { digestOf } from '../core/index.ts'
import { totalSize } from '../model/index.ts'
import { type Listing, openSource } from '../sources/index.ts'
import type { Store } from '../store/index.ts'
import { type AddSourceRequest, addListing } from './add-source.ts'
import type { Upstream } from './follow-upstream.ts'
import type { PullRequest } from './pull.ts'

/**
 * What is at an address (`hf://…`, `https://…`), and the tag of the store that each new state of it becomes the version of. Throws
 * USAGE for an address that cannot be one.
 */
export async function sourceUpstream(
  store: Store,
  {
    ref,
    from,
    access,
    admit,
  }: Pick<AddSourceRequest, 'access'> &
    Pick<PullRequest, 'admit'> & { readonly ref: string; readonly from: string },
): Promise<Upstream> {
  const source = await openSource(from, { access })
  let seen: Listing | undefined
  return {
    address: source.address,
    async look(options) {
      seen = await source.list(options)
      return stateOf(seen)
    },
    async bring(options) {
      const listing = seen ?? (await source.list(options))
      await admit?.(totalSize(listing.files))
      return addListing(store, { name: ref, address: source.address, listing }, options)
    },
  }
}

function stateOf({ revision, files }: Listing): string {
  return revision ?? digestOf(JSON.stringify(files.map(({ path, identity }) => [path, identity])))
}
