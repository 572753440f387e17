import { compressionOf, decompressedHead } from './compressed.ts'
import { isPickled } from './pickle.ts'
import { firstEntryName, isZip } from './zip.ts'

/** Names of formats that run code when they are loaded, whatever is in them. */
const PICKLE_NAMES = /\.(?:pkl|pickle|joblib|dill)$/i
/** Names under which torch writes zips. */
const TORCH_NAMES = /\.(?:pt|pth|ckpt|bin|mar)$/i

/**
 * Whether loading the file can run code, from its first bytes (some KiB; the more the better) and its name: a pickle of
 * any protocol, as it is or compressed by gzip or zlib, under whatever name; a zip that torch wrote; or an unmistakable
 * name alone. There is no safe subset of a pickle.
 */
export function isPickle(path: string, head: Uint8Array): boolean {
  if (PICKLE_NAMES.test(path) || isPickled(head)) return true
  if (isZip(head)) return TORCH_NAMES.test(path) || /(?:^|\/)data\.pkl$/.test(firstEntryName(head) ?? '')
  const compression = compressionOf(head)
  const inside = compression && decompressedHead(head, compression)
  return inside !== undefined && isPickled(inside)
}
