import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string]>({
  usage: 'unmount <target>',
  summary: 'remove from a directory what a mount put there',
  examples: ['ballast unmount ./models'],
  async run(session, directory) {
    const { unmount } = await import('../../workflows/unmount.ts')
    const result = await unmount(directory)
    const { target, kept } = result
    session.print(result, () =>
      kept.length === 0
        ? `unmounted ${target}\n`
        : `unmounted ${target}; kept what Ballast did not put there: ${kept.join(', ')}\n`,
    )
  },
})
