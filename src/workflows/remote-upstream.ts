import { BallastError } from '../core/index.ts'
import type { Store } from '../store/index.ts'
import type { Upstream } from './follow-upstream.ts'
import { type PullRequest, pull } from './pull.ts'
import { digestAt } from './remote-numbers.ts'
import { stageOf, stagesAt } from './remote-stages.ts'
import { openRemote } from './remotes.ts'

/**
 * A tag of a registry, a bucket or a layout (`from`), and the tag of the store that is kept up with it: `ref`, by default as it is
 * called there. What `look` tells is the version's digest. Throws USAGE.
 */
export async function remoteUpstream(
  store: Store,
  {
    ref,
    from,
    ...how
  }: Pick<PullRequest, 'access' | 'admit'> & { readonly ref?: string; readonly from: string },
): Promise<Upstream> {
  const remote = await openRemote(from, how.access)
  const { repository, reference, at } = remote
  return {
    address: at(reference),
    async look(options) {
      const digest = await digestAt(repository, reference, options)
      if (digest !== undefined) return digest
      throw new BallastError('NOT_FOUND', `there is no ${at(reference)}`, {
        hint: 'check the name and the tag',
      })
    },
    async isGoverned(options) {
      const stage = stageOf(remote)
      if (stage === undefined) return false
      return store.policyKeys.length > 0 || (await stagesAt(remote).policyOf(stage, options)) !== undefined
    },
    bring: (options) => pull(store, { remote: from, name: ref, ...how }, options),
  }
}
