import { join } from 'node:path'
import { oneLine } from '../core/index.ts'
import type { CommandGuard } from '../workflows/allowed-commands.ts'
import { stateDirectory } from './cache-directory.ts'
import type { Session } from './session.ts'

/** Asks on the terminal, where there is one, unless the command line has said yes. */
export function commandGuard(session: Session, { allow }: { readonly allow: boolean }): CommandGuard {
  return {
    memory: join(stateDirectory(session.io), 'allowed-commands'),
    async mayRun(commands) {
      if (allow || !session.asks) return allow
      const { confirm } = await import('./ask.ts')
      session.note('ballast.yaml has what is to run as you, at each new version:')
      for (const command of commands) session.note(`  ${oneLine(command, LONGEST)}`)
      return confirm('Allow it, until it changes', session)
    },
  }
}

const LONGEST = 1000
