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
  runContainer,
  statInContainer,
  writeToContainer,
} from './containers.ts'
export { chooseEngine, DEFAULT_ENGINE, type EngineChoice, type EngineEndpoint } from './endpoint.ts'
export { type Engine, type EngineCall, type EngineInfo, openEngine } from './engine.ts'
export { type EngineRepositoryOptions, openEngineRepository } from './engine-repository.ts'
export type { ImageMemory } from './image-memory.ts'
export { createVolume, inspectVolume, type VolumeInfo } from './volumes.ts'
export { type HelperStep, type ToldPath, type VolumeHelper, withVolumeHelper } from './volume-helper.ts'
