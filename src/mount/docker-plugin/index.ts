export type { Proving } from './proving.ts'
export type { Listen } from './socket.ts'
export type { ModelSource } from './source.ts'
export { type PluginOptions, type RunningPlugin, startPlugin } from './start.ts'
