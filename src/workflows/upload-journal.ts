import { digestOf, lifeOf, ownIdentity, parseIdentity } from '../core/index.ts'
import { parseJson } from '../model/index.ts'
import type { UploadJournal } from '../registry/index.ts'
import type { Store } from '../store/index.ts'

const KIND = 'uploads'

/**
 * Keeps uploads that have been begun in the store's cache. An upload that a living process is at is that process's alone:
 * two that add to one would spoil it.
 */
export function uploadJournal(store: Store): UploadJournal {
  return {
    async find(key) {
      const { url, by } = parseJson((await store.cache.get(KIND, digestOf(key))) ?? Buffer.alloc(0)) ?? {}
      const process = parseIdentity(by)
      if (typeof url !== 'string' || process === undefined || lifeOf(process) === 'alive') return undefined
      return URL.parse(url) ?? undefined
    },
    async put(key, url) {
      await using session = await store.beginReading()
      const data = Buffer.from(JSON.stringify({ url: url?.href, by: ownIdentity() }))
      await store.cache.put(session, KIND, { digest: digestOf(key), data })
    },
  }
}
