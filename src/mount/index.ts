export { deliverByHelper, type HelperTarget } from './by-helper.ts'
export { checkTree, type TreeCheck } from './check.ts'
export type { Delivered, DeliverOptions, Delivery } from './delivery.ts'
export { type PluginVolume, pluginVolumes } from './docker-plugin/held-versions.ts'
export type { Listen, ModelSource, PluginOptions, Proving, RunningPlugin } from './docker-plugin/index.ts'
export { withFollower } from './follower.ts'
export { deliverFollowing, type FollowingOptions, type Swapped } from './following.ts'
export type { Retention } from './generations.ts'
export { layoutFaults, layoutOfLink, linkOfLayout, treeOfView } from './layouts/index.ts'
export { currentGeneration, type Layout, linkedNames, readRoot } from './links.ts'
export { GENERATIONS, STATE, TREE_RECORD } from './names.ts'
export { deliverPinned, type PinnedOptions } from './pinned.ts'
export { startPlugin } from './plugin.ts'
export { formerServed, isPending } from './proof.ts'
export { type PutBack, putBack } from './put-back.ts'
export type { TreeRecord } from './record.ts'
export { retireGenerations } from './retire.ts'
export { recordsOf, type SeenTarget, seeTarget } from './seen.ts'
export { settleProof } from './settle.ts'
export { putBackByHelper, settleByHelper } from './settle-by-helper.ts'
export { putBackVariants, settleVariants } from './settle-variants.ts'
export { decodeState, type Followed, type Generation, isPinned, readState } from './state.ts'
export { inspectTarget, type TargetState } from './target.ts'
export { type DeliveredTree, readTree, readTreeBy } from './tree.ts'
export { type Unmounted, unmountByHelper, unmountTarget } from './unmount.ts'
export { decodeVariantsFile, listVariants, readVariants, variantsFile } from './variant-files.ts'
export {
  changeVariants,
  linkedVersion,
  requireFollowing,
  type VariantsChanged,
  type VariantsRequest,
  variantTree,
} from './variants.ts'
export { lookIntoVolume } from './volume-view.ts'
export { whyNotLinked } from './why-not-linked.ts'
export { mountWritable, readWritable, type WritableMount } from './writable.ts'
export { type UnmountedWritable, unmountWritable } from './writable-unmount.ts'
