import { type CallOptions, isBallastError, temporaryName } from '../core/index.ts'
import type { VolumeHelper } from '../docker/index.ts'
import { OWN_DIRECTORY, type Proof } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { fileEntry } from '../tar/index.ts'
import { deliverByHelper } from './by-helper.ts'
import type { FollowingOptions } from './following.ts'
import { HELPER_LOCK, INCOMING, STATE } from './names.ts'
import { formerServed, withProof } from './proof.ts'
import { type Failed, goneFormer, type PutBack, putBackOptions } from './put-back.ts'
import { recordsOf } from './seen.ts'
import { encodeState } from './state.ts'
import { tarOf } from './volume-tree.ts'
import { lookIntoVolume } from './volume-view.ts'

export interface HelperPlace {
  readonly helper: VolumeHelper
  readonly volume: string
}

const ATTEMPTS = 5

/** What `settleProof` does, in a volume that only containers get at. */
export async function settleByHelper(
  { helper, volume }: HelperPlace,
  { name, id, proof }: { readonly name: string; readonly id: string; readonly proof: Proof },
  options: CallOptions = {},
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const seen = await lookIntoVolume(helper, `volume:${volume}`, options)
    const followed = (await recordsOf(seen)).get(name)
    if (followed === undefined) return
    const models = { ...seen.state.models, [name]: withProof(followed, { id, proof }) }
    const incoming = `${OWN_DIRECTORY}/${INCOMING}${temporaryName()}`
    await helper.run([['mkdir', incoming]])
    try {
      const state = fileEntry('state.json', encodeState({ version: 1, models }))
      await helper.write(incoming, tarOf([state]), options)
      return void (await helper.run(
        [
          ['lock', HELPER_LOCK],
          ['directory?', OWN_DIRECTORY],
          ['link?', name, seen.root.get(name) ?? ''],
          ['sync'],
          ['rename', `${incoming}/state.json`, STATE],
          ['sync'],
        ],
        options,
      ))
    } catch (error) {
      // The link was moved between the two looks.
      if (!isBallastError(error, 'CONFLICT') || attempt === ATTEMPTS) throw error
    } finally {
      await helper.run([['remove', incoming]]).catch(() => undefined)
    }
  }
}

/** What `putBack` does, in such a volume. */
export async function putBackByHelper(
  store: Store,
  { helper, volume }: HelperPlace,
  failed: Omit<Failed, 'target'>,
  options: Omit<FollowingOptions, 'by' | 'leaves' | 'proof' | 'link'>,
): Promise<PutBack | undefined> {
  const { name } = failed
  const target = `volume:${volume}`
  const seen = await lookIntoVolume(helper, target, options)
  const followed = (await recordsOf(seen)).get(name)
  const former = followed && formerServed(followed)
  if (followed === undefined || former === undefined) return undefined
  const tree = await seen.readGeneration(former.id)
  if (tree === undefined) throw goneFormer(followed, { target, former })
  const delivered = { helper, volume, name, delivery: tree }
  return {
    to: former,
    swapped: await deliverByHelper(store, delivered, { ...putBackOptions(failed, options), link: false }),
  }
}
