import { readFile } from 'node:fs/promises'
import type { Shell } from './commands/completion.ts'

export function completionScript(shell: Shell): Promise<string> {
  return readFile(new URL(`../../packaging/completion/ballast.${shell}`, import.meta.url), 'utf8')
}
