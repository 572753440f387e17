import type { Move } from '../../workflows/moves.ts'
import { imageAccess } from '../image-access.ts'
import { formatOrigin } from '../render/lineage.ts'
import { describeProof } from '../render/proof.ts'
import { formatAge, formatDigest, formatTable } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string]>({
  usage: 'history <operand>',
  summary: 'show every move of a tag, a model, an image, a mounted directory or a volume',
  details: 'A plain name is a model; image:NAME:TAG is an image of the Docker Engine.',
  examples: [
    'ballast history sentiment',
    'ballast history sentiment:prod',
    'ballast history image:my_ml_app:v2',
    'ballast history ./models',
    'ballast history volume:ml_models',
  ],
  async run(session, operand) {
    const { history } = await import('../../workflows/history.ts')
    const moves = await history(await session.store(), operand, {
      ...session,
      access: imageAccess(session.io),
    })
    session.print(moves, () => describe(moves))
  },
})

/** A registry keeps no times, so for an image that column is left out. */
function describe(moves: readonly Move[]): string {
  const isTold = moves.some(({ proof }) => proof !== undefined)
  const rows = moves.map(({ time, tag, number, digest, by, lineage, proof }) => [
    formatAge(time),
    tag,
    digest === undefined ? 'removed' : number === undefined ? '' : `${number}`,
    digest === undefined ? '' : formatDigest(digest),
    by === lineage?.by ? `${by}${formatOrigin(lineage)}` : by,
    ...(isTold ? [proof === undefined ? '' : describeProof(proof)] : []),
  ])
  const header = ['WHEN', 'WHAT', 'VERSION', 'DIGEST', 'BY', ...(isTold ? ['APPLICATION'] : [])]
  const timed = moves.some(({ time }) => time !== '')
  return timed
    ? formatTable(header, rows)
    : formatTable(
        header.slice(1),
        rows.map((row) => row.slice(1)),
      )
}
