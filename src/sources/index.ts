export * from './file-state.ts'
export * from './local-files.ts'
export * from './move-out.ts'
