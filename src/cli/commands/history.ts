import { BallastError, EXIT_CODES, oneLine } from '../../core/index.ts'
import type { CheckedHeads, CheckedHistory, ExportedHeads } from '../../workflows/history-heads.ts'
import type { Move } from '../../workflows/moves.ts'
import { imageAccess } from '../image-access.ts'
import { formatOrigin } from '../render/lineage.ts'
import { describeProof } from '../render/proof.ts'
import { formatAge, formatCount, formatDigest, formatTable } from '../render/text.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

interface Options {
  readonly export?: string
  readonly check?: string
  readonly key?: string
}

export const verb = defineVerb<[string | undefined, Options]>({
  usage: 'history [operand]',
  summary: 'show every move of a tag, a model, an image, a mounted directory or a volume',
  details:
    'A plain name is a model; image:NAME:TAG is an image of the Docker Engine. Of promotions it tells who, when and why.\n' +
    'With --export, how far the histories of a model (of all of the store without a name, or of one in a bucket) have come is written to a ' +
    'file. Whoever keeps it elsewhere finds out later, with --check, whether one of them was rewritten (exit code 4).',
  options: [
    ['--export <file>', 'write how far the histories have come'],
    ['--check <file>', 'say whether the histories go on from there, or which record is not what it was'],
    [
      '--key <file>',
      'sign with this private key (--export), or believe a file signed by this public one alone (--check)',
    ],
  ],
  examples: [
    'ballast history sentiment',
    'ballast history sentiment:prod',
    'ballast history image:my_ml_app:v2',
    'ballast history ./models',
    'ballast history volume:ml_models',
    'ballast history registry.example/models/sentiment:prod',
    'ballast history sentiment --export heads.json --key cosign.key',
    'ballast history --check heads.json --key cosign.pub',
  ],
  async run(session, operand, options) {
    if (options.export !== undefined || options.check !== undefined) return heads(session, operand, options)
    if (operand === undefined || options.key !== undefined) {
      throw operand === undefined
        ? new BallastError('USAGE', 'the history of what?', {
            hint: 'name a model: `ballast list` shows them',
          })
        : new BallastError('USAGE', '--key belongs to --export or --check', { hint: 'name one of them' })
    }
    const { history } = await import('../../workflows/history.ts')
    const moves = await history(await session.store(), operand, {
      ...session,
      access: imageAccess(session.io),
    })
    session.print(moves, () => describe(moves))
  },
})

async function heads(session: Session, operand: string | undefined, options: Options): Promise<void> {
  const { export: to, check: from, key } = options
  const { checkHeads, exportHeads } = await import('../../workflows/history-heads.ts')
  const { publicKeyFrom, signerFrom } = await import('../../workflows/signers.ts')
  const at = { store: session.store, operand, access: imageAccess(session.io) }
  const calls = { signal: session.signal }
  if (to !== undefined && from !== undefined) {
    throw new BallastError('USAGE', '--export and --check are two things', {
      hint: 'run one after the other',
    })
  }
  if (from === undefined) {
    const { keyPassword } = await import('../key-password.ts')
    const signer = key === undefined ? undefined : await signerFrom(key, () => keyPassword(session, key))
    const exported = await exportHeads(at, { file: to as string, signer }, calls)
    session.print(exported, () => describeExported(exported))
    return
  }
  const checked = await checkHeads(
    at,
    { file: from, key: key === undefined ? undefined : await publicKeyFrom(key) },
    calls,
  )
  if (checked.isSigned && checked.signedBy === undefined)
    session.note(`note: ${from} is signed, and no key was given to verify that: --key cosign.pub`)
  session.print(checked, () => describeChecked(checked))
  if (checked.rewritten > 0) session.io.setExitCode(EXIT_CODES.REFUSED)
}

function describeExported({ file, histories, records, signedBy }: ExportedHeads): string {
  const many = histories === 1 ? '1 history' : `${histories} histories`
  const signed = signedBy === undefined ? 'not signed' : `signed by ${signedBy}`
  return `${file}   ${many}, ${formatCount(records, 'record')}, ${signed}\n`
}

function describeChecked({ place, time, signedBy, histories, rewritten }: CheckedHeads): string {
  const by = signedBy === undefined ? '' : `, signed by ${signedBy}`
  const table = formatTable(
    ['HISTORY', 'STATE', 'RECORDS', ''],
    histories.map((history) => [
      history.history,
      history.state,
      history.was === history.now ? `${history.now}` : `${history.was} -> ${history.now}`,
      describeRewritten(history),
    ]),
  )
  const verdict =
    rewritten === 0
      ? 'every history goes on from there'
      : `${rewritten === 1 ? '1 history was' : `${rewritten} histories were`} rewritten since`
  return `as of ${formatAge(time)}, ${place}${by}:\n${table}${verdict}\n`
}

function describeRewritten(history: CheckedHistory): string {
  return history.state === 'rewritten' ? `record ${history.record} ${history.why}: ${history.path}` : ''
}

/** A registry keeps no times, so for an image that column is left out. */
function describe(moves: readonly Move[]): string {
  const isTold = moves.some(({ proof }) => proof !== undefined)
  const isPromoted = moves.some(({ promotion }) => promotion !== undefined)
  const rows = moves.map(({ time, tag, number, digest, by, lineage, proof, promotion }) => [
    formatAge(time),
    tag,
    digest === undefined ? 'removed' : number === undefined ? '' : `${number}`,
    digest === undefined ? '' : formatDigest(digest),
    by === lineage?.by ? `${by}${formatOrigin(lineage)}` : by,
    ...(isPromoted ? [oneLine(promotion?.who ?? ''), oneLine(promotion?.why ?? '')] : []),
    ...(isTold ? [proof === undefined ? '' : describeProof(proof)] : []),
  ])
  const header = [
    'WHEN',
    'WHAT',
    'VERSION',
    'DIGEST',
    'BY',
    ...(isPromoted ? ['WHO', 'WHY'] : []),
    ...(isTold ? ['APPLICATION'] : []),
  ]
  const timed = moves.some(({ time }) => time !== '')
  return timed
    ? formatTable(header, rows)
    : formatTable(
        header.slice(1),
        rows.map((row) => row.slice(1)),
      )
}
