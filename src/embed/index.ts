export { baseLayers } from './base-files.ts'
export { type ImageOfPlatform, readImage, readImages, readLayerInventory } from './base-image.ts'
export type { Pricing } from './choose-position.ts'
export { refuseCopiedModel } from './copied-model.ts'
export { type Embedded, type EmbedRequest, embed } from './embed.ts'
export { formerImages, idOf, noImage, previousImage, replaceImage } from './former-images.ts'
export {
  type ArchiveReference,
  formatImageReference,
  type ImageReference,
  parseImageReference,
} from './image-reference.ts'
export { copiedSteps, type LeftOut, leaveOut } from './leave-out.ts'
export type { ModelToEmbed } from './plan.ts'
export { updatesPerMonth } from './position.ts'
export type { ImagePlace } from './publish.ts'
export { type Rebased, type RebaseRequest, rebase } from './rebase.ts'
export { bytesSent, type ImageBlob, type Transferred, transferBlobs } from './transfer.ts'
export { modelTimes, readCodeHistory } from './update-times.ts'
