export * from './file-state.ts'
export * from './known-files.ts'
export * from './local-files.ts'
export * from './move-out.ts'
