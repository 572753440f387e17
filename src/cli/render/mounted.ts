import type { MountResult } from '../../workflows/mount.ts'
import type { Judged } from '../../workflows/mount-reload-judge.ts'
import { describeProof } from './proof.ts'
import { formatBytes, formatDuration } from './text.ts'

/** In one line. */
export function describeMounted({ target, path, version, how, bytesCopied, ms }: MountResult): string {
  const where = path === '' ? target : `${target}/${path}`
  const copied = how === 'delivered' ? `${formatBytes(bytesCopied)} copied, ` : ''
  const said = {
    delivered: 'mounted',
    adopted: 'matches, and is now the mount of it',
    unchanged: 'is there already',
  }[how]
  return `${version} ${said}   ${where}   ${copied}${formatDuration(ms)}`
}

/** What became of a version that an application was told of, in one line. */
export function describeJudged({ version, proof, putBack }: Judged): string {
  if (putBack === undefined) return `${version} ${describeProof(proof)}`
  const { is, why } = putBack.proof
  const taken = is === 'failed' ? `, and the application does not take that either: ${why}` : ''
  return `${version} ${describeProof(proof)}; ${putBack.version} put back${taken}`
}
