import { objectOf, parseJson } from '../model/index.ts'
import { type FileFacts, isPlainPath, plainName } from './facts.ts'
import { type RandomAccess, readExactly } from './random-access.ts'

const LARGEST_JSON = 16 * 1024 * 1024
const MOST_SHARDS = 10_000

/** `*.index.json` (which shard has which tensor) and `config.json` (the architecture), as Hugging Face's libraries write them. */
export async function inspectJson(source: RandomAccess): Promise<FileFacts | undefined> {
  const isIndex = /\.index\.json$/i.test(source.path)
  if (!isIndex && !/(?:^|\/)config\.json$/.test(source.path)) return undefined
  if (source.size > LARGEST_JSON) return undefined
  const parsed = parseJson(await readExactly(source, 0, source.size))
  if (parsed === undefined) return undefined
  if (isIndex) {
    const named = Object.values(objectOf(parsed.weight_map))
    const names = new Set(named.filter((name) => typeof name === 'string').filter(isPlainPath))
    if (names.size === 0 || names.size > MOST_SHARDS) return undefined
    return { format: 'plain', shards: [...names].sort() }
  }
  const architectures = Array.isArray(parsed.architectures) ? parsed.architectures : []
  const architecture = plainName(parsed.model_type) ?? plainName(architectures[0])
  return { format: 'plain', ...(architecture !== undefined && { architecture }) }
}
