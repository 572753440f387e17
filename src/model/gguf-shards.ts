import { posix } from 'node:path'

/** A GGUF model in several files, `<name>-00001-of-00003.gguf` and so on, as `llama-gguf-split` writes them. */
export interface ShardSet {
  /** What a program is given, which looks for the others beside it by their names. */
  readonly first: string
  readonly count: number
  /** The shards that are not there. */
  readonly missing: readonly string[]
}

/** Those among the files. Shards in different directories are no one model, since they are not found from each other. */
export function ggufShards(paths: readonly string[]): readonly ShardSet[] {
  const there = new Set(paths)
  const sets = new Map<string, ShardSet>()
  for (const path of paths) {
    const [, name = '', total = ''] = /^(.+)-\d{5}-of-(\d{5})\.gguf$/.exec(path) ?? []
    const count = Number(total)
    if (count === 0 || sets.has(`${name} ${total}`)) continue
    const all = Array.from({ length: count }, (_, at) => `${name}-${padded(at + 1)}-of-${total}.gguf`)
    const missing = all.filter((shard) => !there.has(shard))
    sets.set(`${name} ${total}`, { first: all[0] ?? path, count, missing })
  }
  return [...sets.values()]
}

function padded(number: number): string {
  return `${number}`.padStart(5, '0')
}

/** A line for each set that cannot be loaded, because a part of it is missing. */
export function incompleteShards(paths: readonly string[]): readonly string[] {
  return ggufShards(paths)
    .filter(({ missing }) => missing.length > 0)
    .map(({ first, count, missing }) => {
      const others = missing.length > 1 ? ` and ${missing.length - 1} more` : ''
      return `${first}: of its ${count} shards ${posix.basename(missing[0] ?? '')}${others} is not there, so that it does not load`
    })
}
