import type { RepositoryName } from '../../model/index.ts'
import type { RegistryStorage } from './storage.ts'

/** A request, as the parts that answer it see it. */
export interface Asked {
  readonly method: string
  readonly query: URLSearchParams
  /** By its name in lower case. */
  header(name: string): string | undefined
  readonly body: AsyncIterable<Uint8Array>
  readonly storage: RegistryStorage
}

/** One in a repository. */
export interface AskedOfRepository extends Asked {
  readonly name: RepositoryName
}
