import { resolve } from 'node:path'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string]>({
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
