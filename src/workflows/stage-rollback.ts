import { BallastError, type CallOptions, type Digest } from '../core/index.ts'
import { numberOfTag, type Tag } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { findModel } from './pull.ts'
import { headOfLog, walkLog } from './registry-log.ts'
import { moveStage, stageLog } from './registry-stages.ts'
import { digestAt, numberThere } from './remote-numbers.ts'
import { stageOf, stagesAt } from './remote-stages.ts'
import type { Remote } from './remotes.ts'
import type { RollbackResult } from './rollback.ts'
import { contentAt } from './stage-content.ts'
import { admit, promotionOf } from './stage-gate.ts'
import { whoRunsThis } from './who.ts'

export interface RollbackStage {
  /** The number of the version that is wanted; by default the one before the last move. */
  readonly to?: number | undefined
  readonly why?: string | undefined
}

/** Whether a tag of a registry or a layout has a policy, or is one of which moves were recorded: such a one goes back by these alone. */
export async function isStageThere(remote: Remote, options: CallOptions): Promise<boolean> {
  const stage = stageOf(remote)
  if (stage === undefined) return false
  if ((await headOfLog(remote.repository, stageLog(stage), options)) !== undefined) return true
  return (await stagesAt(remote).policyOf(stage, options)) !== undefined
}

/** Points a stage of a registry or a layout to a version that it has pointed to before, which has to keep its policy now. */
export async function rollbackStage(
  store: Store,
  remote: Remote,
  { to, why }: RollbackStage,
  options: CallOptions = {},
): Promise<RollbackResult> {
  const { repository, at } = remote
  const stage = remote.reference as Tag
  const wanted = to === undefined ? undefined : await digestAt(repository, `${to}`, options)
  const digest = await formerOf(remote, { stage, wanted, to }, options)
  await using session = await store.begin()
  const manifest = await findModel({ ...remote, reference: digest }, options)
  const content = contentAt(store, { session, repository, manifest, at }, options)
  const question = { place: stagesAt(remote), stage, digest, content, policyKeys: store.policyKeys }
  const judged = await admit(question, options)
  const promotion = promotionOf(judged, { who: whoRunsThis(), why })
  await moveStage({ repository, at }, { stage, digest, by: 'rollback', promotion }, options)
  return { ref: at(stage), digest, number: await numberThere(repository, digest, options), warnings: [] }
}

async function formerOf(
  { repository, at }: Remote,
  {
    stage,
    wanted,
    to,
  }: { readonly stage: Tag; readonly wanted: Digest | undefined; readonly to: number | undefined },
  options: CallOptions,
): Promise<Digest> {
  const current = await digestAt(repository, stage, options)
  for await (const { record } of walkLog(repository, stageLog(stage), options)) {
    const digest = record.digest as Digest
    if (digest === current || (to !== undefined && digest !== wanted)) continue
    if ((await digestAt(repository, digest, options)) !== undefined) return digest
  }
  const why = to === undefined ? 'any other version that is still there' : `${at(`${to}`)}`
  throw new BallastError('CONFLICT', `${at(stage)} has never pointed to ${why}`, {
    hint: `see: ballast history ${at(stage)}`,
  })
}

/** Throws USAGE. */
export function parseNumber(text: string): number {
  const number = numberOfTag(text)
  if (number !== undefined) return number
  throw new BallastError('USAGE', `${JSON.stringify(text)} is no number of a version`, {
    hint: 'numbers of versions are told by `ballast history` and `ballast list`',
  })
}
