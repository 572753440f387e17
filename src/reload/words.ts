import { oneLine } from '../core/index.ts'
import type { Said } from './claims.ts'

const LONGEST = 300

/** What an application or a command has said, as one line that is safe to print. */
export function inWords(text: string): string {
  return oneLine(text, LONGEST)
}

/** The `error`, `message`, `problem` or `detail` of a JSON answer, else its first line. */
export function reasonIn({ text = '' }: Said): string {
  try {
    const { error, message, problem, detail } = Object(JSON.parse(text))
    const found = [error, message, problem, detail].find((one) => typeof one === 'string' && one !== '')
    if (found !== undefined) return inWords(found)
  } catch {
    // It is no JSON.
  }
  return inWords(text.trim().split('\n')[0] ?? '')
}
