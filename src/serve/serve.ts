import { createStoreStorage, startRegistry } from '../registry/index.ts'
import type { Store } from '../store/index.ts'

export interface ServeOptions {
  readonly listen: { readonly host: string; readonly port: number }
  /** Asked of every request; without them only loopback addresses are listened on. */
  readonly credentials?: { readonly username: string; readonly password: string } | undefined
  readonly log: (line: string) => void
}

export interface Serving {
  /** `http://127.0.0.1:5000` */
  readonly url: string
  readonly close: () => Promise<void>
}

/** Answers the OCI distribution API over the store's models and images. Throws REFUSED, CONFLICT for a port in use. */
export async function serveRegistry(
  store: Store,
  { listen, credentials, log }: ServeOptions,
): Promise<Serving> {
  return startRegistry({
    storage: createStoreStorage(store),
    listen,
    log,
    ...(credentials && { credentials }),
  })
}
