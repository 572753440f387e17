export * from './docker-plugin.ts'
export * from './serve.ts'
