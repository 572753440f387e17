import { BallastError, EXIT_CODES } from '../../core/index.ts'
import type { BrokenRecord } from '../../store/index.ts'
import { REGISTRY_OPTIONS } from '../registry-options.ts'
import { formatBytes, formatCount } from '../render/text.ts'
import { TRUST_OPTIONS, type TrustOptions } from '../trust-options.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string | undefined, TrustOptions]>({
  usage: 'verify [ref]',
  summary:
    'hash every stored byte again, follow every history, and say what is damaged or missing; or one version, and who has signed it',
  details:
    'Without REF, the whole store. With REF, the bytes of that version and its signatures, as Ballast and cosign make them; where a\n' +
    'key or an identity is named, one of theirs has to be among them. At a registry or in a bucket the signatures alone are\n' +
    'verified, since what is pulled is hashed anyway. Keys need no network.',
  options: [...TRUST_OPTIONS, ...REGISTRY_OPTIONS],
  examples: [
    'ballast verify',
    'ballast verify sentiment:3',
    'ballast verify sentiment:prod --key cosign.pub',
    'ballast verify registry.example/team/sentiment:3 --key cosign.pub',
    'ballast verify sentiment:3 --certificate-identity ann@example.com --certificate-oidc-issuer https://accounts.example.com --trusted-root trusted_root.json',
  ],
  async run(session, ref, options) {
    if (ref !== undefined) {
      const { verifyOneVersion } = await import('../verify-version.ts')
      return verifyOneVersion(session, ref, options)
    }
    if (options.key !== undefined || options.certificateIdentity !== undefined) {
      throw new BallastError('USAGE', 'signatures are verified of one version, and none is named', {
        hint: 'ballast verify REF --key cosign.pub',
      })
    }
    const { verify } = await import('../../workflows/upkeep.ts')
    const report = await verify(await session.store(), session)
    for (const warning of report.warnings) session.note(`warning: ${warning}`)
    const { broken } = report.histories
    const found = report.problems.length + broken.length
    session.print(report, () => {
      const summary = `${formatCount(report.blobs, 'blob')}, ${formatBytes(report.bytes)} read: `
      if (found === 0) return `${summary}everything is as it was added\n`
      const lines = report.problems.map(
        ({ kind, digest, neededBy, mend }) =>
          `  ${kind} ${digest}\n    needed by ${neededBy.join(', ') || 'nothing'}\n    ${mend}\n`,
      )
      return `${summary}${formatCount(found, 'problem')}\n${lines.join('')}${broken.map(describeBroken).join('')}`
    })
    if (found > 0) session.io.setExitCode(EXIT_CODES.DAMAGED)
  },
})

function describeBroken({ path, why }: BrokenRecord): string {
  return `  history ${path} ${why}\n    what has happened there is not what is written: restore the file from a backup\n`
}
