import type { Flags } from '../../src/advise/index.ts'

/** Flags as `ballast advise` gets them, read from words as they are typed. */
export function flagsOf(words: readonly string[]): Flags {
  const flags: Record<string, string | true> = {}
  for (let at = 0; at < words.length; at++) {
    const name = (words[at] ?? '').replace(/^--/, '')
    const next = words[at + 1]
    if (next === undefined || next.startsWith('--')) flags[name] = true
    else {
      flags[name] = next
      at++
    }
  }
  return flags
}
