import { parseOperand } from '../../model/index.ts'
import type { UnmountResult } from '../../workflows/unmount.ts'
import { engineChoice } from '../engine-choice.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string]>({
  usage: 'unmount <target>',
  summary: 'remove from a directory or a named volume what a mount put there',
  details:
    'A directory goes too when nothing else is in it; a volume (volume:NAME) stays, and is left alone while a running ' +
    'container has it.',
  examples: ['ballast unmount ./models', 'ballast unmount volume:ml_models'],
  async run(session, operand) {
    const result = await unmounted(session, operand)
    const { target, kept } = result
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

async function unmounted(session: Session, operand: string): Promise<UnmountResult> {
  const parsed = parseOperand(operand)
  if (parsed.kind === 'volume') {
    const { unmountVolume } = await import('../../workflows/unmount-volume.ts')
    return unmountVolume(parsed.text, { signal: session.signal, engine: engineChoice(session.io) })
  }
  const { unmount } = await import('../../workflows/unmount.ts')
  return unmount(operand)
}
