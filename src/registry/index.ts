export { findCredentials } from './client/credentials.ts'
export { isLoopback } from './client/endpoint.ts'
export { openRepository, type RegistryRepository, type RepositoryOptions } from './client/repository.ts'
export type { Credentials } from './protocol/index.ts'
