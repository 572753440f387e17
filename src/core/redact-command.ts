import { redact } from './redact.ts'

/** Of options and variables whose value nobody else should read; `--max-tokens` and `--tokenizer` are none. */
const SECRET = String.raw`[\w-]*(?:passw(?:or)?d|passphrase|credential|secret|token(?!s|i)|api[-_]?key|access[-_]?key|private[-_]?key)[\w-]*`
const OPTION = new RegExp(`^--?${SECRET}$`, 'i')
const ASSIGNED = new RegExp(String.raw`(${SECRET}=)("[^"]*"|'[^']*'|[^\s"';&|]+)`, 'gi')

/**
 * A command line fit to be kept where others read it: without what `redact` hides, and without the values of options and
 * variables that are called like a secret, `--api-key VALUE` and `TOKEN=VALUE`. Whatever is secret under another name stays.
 */
export function redactCommand(words: readonly string[]): readonly string[] {
  return words.map((word, at) => {
    if (OPTION.test(words[at - 1] ?? '') && !word.startsWith('-')) return '***'
    return redact(word).replace(ASSIGNED, '$1***')
  })
}
