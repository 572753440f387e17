export { deliverByHelper, type HelperTarget } from './by-helper.ts'
export { checkTree, type TreeCheck } from './check.ts'
export type { Delivered, DeliverOptions, Delivery } from './delivery.ts'
export {
  type Listen,
  type ModelSource,
  type PluginOptions,
  type RunningPlugin,
  startPlugin,
} from './docker-plugin/index.ts'
export { withFollower } from './follower.ts'
export { deliverFollowing, type FollowingOptions, type Swapped } from './following.ts'
export { currentGeneration, linkedNames, readRoot } from './links.ts'
export { GENERATIONS, STATE, TREE_RECORD } from './names.ts'
export { deliverPinned, type PinnedOptions } from './pinned.ts'
export type { TreeRecord } from './record.ts'
export { decodeState, type Followed, type Generation, readState } from './state.ts'
export { inspectTarget, type TargetState } from './target.ts'
export { type DeliveredTree, readTree, readTreeBy } from './tree.ts'
export { type Unmounted, unmountTarget } from './unmount.ts'
export { whyNotLinked } from './why-not-linked.ts'
