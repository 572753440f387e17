export { type ContainerChange, type ContainerCopy, copyContainer, type NewMount } from './container-copy.ts'
export { type ContainerHoldings, holdingsOfContainers } from './container-holdings.ts'
export {
  allContainers,
  dropContainer,
  type ListedContainer,
  lastLogLines,
  makeContainer,
  renameContainer,
  restartContainer,
  signalContainer,
  startContainer,
  stopContainer,
} from './container-life.ts'
export {
  type ContainerRecord,
  containerRecord,
  findContainer,
  readContainer,
} from './container-record.ts'
export {
  type ContainerInfo,
  type ContainerMount,
  changedInContainer,
  createContainer,
  inspectContainer,
  listContainers,
  type NewContainer,
  type PathInfo,
  readFromContainer,
  removeContainer,
  statInContainer,
} from './containers.ts'
export { chooseEngine, DEFAULT_ENGINE, type EngineChoice, type EngineEndpoint } from './endpoint.ts'
export { type Engine, type EngineCall, openEngine } from './engine.ts'
export type { EngineInfo } from './engine-info.ts'
export { type EngineRepositoryOptions, openEngineRepository } from './engine-repository.ts'
export {
  heldByContainers,
  type ImageFacts,
  type ImageStep,
  imageFacts,
  linesOf,
  type PublishedPort,
} from './image-facts.ts'
export type { ImageMemory } from './image-memory.ts'
export { buildImage, pullImage, pushImage } from './image-moves.ts'
export { type EngineImage, inspectImage, untagImage } from './images.ts'
export {
  mountsOf,
  type RunArguments,
  type RunMount,
  type RunOption,
  readRunArguments,
} from './run-arguments.ts'
export { type HelperStep, type ToldPath, type VolumeHelper, withVolumeHelper } from './volume-helper.ts'
export { containersWithVolume, countContainersWithVolume, type VolumeUser } from './volume-users.ts'
export { ensureVolume, inspectVolume, type VolumeInfo } from './volumes.ts'
