import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BallastError,
  createFileDurably,
  digestOf,
  hexOf,
  isPresent,
  isSystemError,
  makeDirectory,
  oneLine,
} from '../core/index.ts'
import { APP_FILE } from '../model/index.ts'

/** Who decides whether commands run that stand in a file, and not in the command line. */
export interface CommandGuard {
  /** Of this user: what has been allowed before. */
  readonly memory: string
  /** Whether the user allows commands that are new. */
  readonly mayRun: (commands: readonly string[]) => Promise<boolean>
}

/**
 * Throws REFUSED for commands of the `ballast.yaml` in the directory that its user has not allowed: the file may have come with somebody
 * else's repository. What is allowed is remembered, for these words in this file.
 */
export async function requireAllowedCommands(
  commands: readonly string[],
  { directory, memory, mayRun }: CommandGuard & { readonly directory: string },
): Promise<void> {
  const file = join(await realpath(directory), APP_FILE)
  const unknown: string[] = []
  for (const command of new Set(commands)) {
    if (!(await isPresent(placeOf(memory, { file, command })))) unknown.push(command)
  }
  if (unknown.length === 0) return
  if (!(await mayRun(unknown))) {
    const shown = unknown.map((command) => oneLine(command)).join('; ')
    throw new BallastError('REFUSED', `${file} has a command that you have not allowed: ${shown}`, {
      hint: 'if it is to run as you, repeat the command with --allow-commands; that is remembered until the command changes',
    })
  }
  for (const command of unknown) await remember(memory, { file, command })
}

interface Allowed {
  readonly file: string
  readonly command: string
}

function placeOf(memory: string, { file, command }: Allowed): string {
  return join(memory, hexOf(digestOf(JSON.stringify([file, command]))))
}

/** Where nothing can be written the user is asked again. */
async function remember(memory: string, allowed: Allowed): Promise<void> {
  try {
    await makeDirectory(memory, 0o700)
    const text = JSON.stringify({ ...allowed, time: new Date().toISOString() })
    await createFileDurably(placeOf(memory, allowed), text, { mode: 0o600 })
  } catch (error) {
    if (!isSystemError(error, 'EACCES', 'EPERM', 'EROFS', 'ENOSPC')) throw error
  }
}
