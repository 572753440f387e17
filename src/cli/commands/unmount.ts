import { BallastError } from '../../core/index.ts'
import { parseOperand } from '../../model/index.ts'
import type { UnmountResult } from '../../workflows/unmount.ts'
import { engineChoice } from '../engine-choice.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string, { discard?: boolean }]>({
  usage: 'unmount <target>',
  summary: 'remove from a directory or a named volume what a mount put there',
  details:
    'A directory goes too when nothing else is in it; a volume (volume:NAME) stays, and is left alone while a running ' +
    'container has it. What was written into a directory mounted with --rw stays beside it, for the next such mount.',
  options: [['--discard', 'of a directory mounted with --rw: give up what was written there']],
  examples: [
    'ballast unmount ./models',
    'ballast unmount volume:ml_models',
    'ballast unmount ./scratch --discard',
  ],
  async run(session, operand, { discard }) {
    const result = await unmounted(session, operand, discard === true)
    const { target, kept, layer } = result
    if (layer !== undefined) session.note(`what was written stays in ${layer}; to give it up: --discard`)
    session.print(result, () =>
      kept.length === 0
        ? `unmounted ${target}\n`
        : `unmounted ${target}; kept what Ballast did not put there: ${kept.join(', ')}\n`,
    )
    if (target.startsWith(VOLUME)) {
      session.note(`the volume itself stays; to remove it: docker volume rm ${target.slice(VOLUME.length)}`)
    }
  },
})

const VOLUME = 'volume:'

async function unmounted(session: Session, operand: string, discard: boolean): Promise<UnmountResult> {
  const parsed = parseOperand(operand)
  if (parsed.kind === 'volume') {
    if (discard) {
      throw new BallastError('USAGE', '--discard is for directories mounted with --rw', {
        hint: 'leave it out',
      })
    }
    const { unmountVolume } = await import('../../workflows/unmount-volume.ts')
    return unmountVolume(parsed.text, { signal: session.signal, engine: engineChoice(session.io) })
  }
  const { unmount } = await import('../../workflows/unmount.ts')
  return unmount(operand, { discard })
}
