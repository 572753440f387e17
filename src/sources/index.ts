export * from './local-files.ts'
