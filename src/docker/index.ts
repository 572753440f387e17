export { chooseEngine, DEFAULT_ENGINE, type EngineChoice, type EngineEndpoint } from './endpoint.ts'
export { type Engine, type EngineCall, type EngineInfo, openEngine } from './engine.ts'
