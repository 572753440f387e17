import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Io } from '../io.ts'
import { defineVerb } from '../verb.ts'

export function defineUnmount(program: Command, io: Io): void {
  defineVerb<[string]>(program, io, {
    usage: 'unmount <target>',
    summary: 'remove from a directory what a mount put there',
    examples: ['ballast unmount ./models'],
    async run(session, target) {
      const { unmountTarget } = await import('../../mount/index.ts')
      const directory = resolve(target)
      const { kept } = await unmountTarget(directory)
      session.print({ target: directory, kept }, () =>
        kept.length === 0
          ? `unmounted ${directory}\n`
          : `unmounted ${directory}; kept what Ballast did not put there: ${kept.join(', ')}\n`,
      )
    },
  })
}
