/** File names of formats that run code when they are loaded. Content is not looked at: a pickle has no safe subset. */
const PICKLE_NAMES = /\.(?:pkl|pickle|joblib|dill|pt|pth|ckpt|bin|mar)$/i

/**
 * Whether loading the file can run code: the name of a pickle-bearing format together with its first bytes
 * (a pickle protocol 2+ header, or a zip as torch writes it), or an unmistakable name alone.
 */
export function isPickle(path: string, head: Uint8Array): boolean {
  if (/\.(?:pkl|pickle|joblib|dill)$/i.test(path)) return true
  const pickle = head[0] === 0x80 && head[1] !== undefined && head[1] >= 2 && head[1] <= 5
  const zip = head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4
  return pickle || (PICKLE_NAMES.test(path) && zip)
}
