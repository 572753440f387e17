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
export { currentGeneration } from './links.ts'
export { GENERATIONS, STATE } from './names.ts'
export { deliverPinned, type PinnedOptions } from './pinned.ts'
export { decodeState, type Followed, type Generation, readState } from './state.ts'
export { inspectTarget, type TargetState } from './target.ts'
export { type DeliveredTree, readTree } from './tree.ts'
export { type Unmounted, unmountTarget } from './unmount.ts'
