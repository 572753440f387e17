import { BallastError, EXIT_CODES } from '../../core/index.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import { formatBroken, formatProblem } from '../render/problems.ts'
import { formatBytes, formatCount } from '../render/text.ts'
import { namesSigners, TRUST_OPTIONS, type TrustOptions } from '../trust-options.ts'
import { defineVerb } from '../verb.ts'

interface VerifyOptions extends TrustOptions, RegistryOptions {
  readonly repair?: boolean
  readonly from?: readonly string[]
}

export const verb = defineVerb<[string | undefined, VerifyOptions]>({
  usage: 'verify [ref]',
  summary:
    'hash every stored byte again, follow every history, and say what is damaged or missing; or one version, and who has signed it',
  details:
    'Without REF, the whole store. With REF, the bytes of that version and its signatures, as Ballast and cosign make them; where a\n' +
    'key or an identity is named, one of theirs has to be among them. At a registry or in a bucket the signatures alone are\n' +
    'verified, since what is pulled is hashed anyway. Keys need no network.\n' +
    'With --repair what is damaged or missing is had again, by its digest, from what --from names, else from where the versions came\n' +
    'from or were pushed to; nothing else changes.',
  options: [
    ['--repair', 'have damaged and missing files again from a remote that has them'],
    [
      '--from <remote...>',
      'with --repair: HOST/NAME, s3://BUCKET/PATH/NAME, oci:DIRECTORY, archive:FILE, or a directory',
    ],
    ...TRUST_OPTIONS,
    ...REGISTRY_OPTIONS,
  ],
  headings: { '--key': 'Of one version, whose signatures are trusted:', '--plain-http': 'Registries:' },
  examples: [
    'ballast verify',
    'ballast verify --repair',
    'ballast verify --repair --from registry.example/team/sentiment',
    'ballast verify sentiment:3',
    'ballast verify sentiment:prod --key cosign.pub',
    'ballast verify registry.example/team/sentiment:3 --key cosign.pub',
    'ballast verify sentiment:3 --certificate-identity ann@example.com --certificate-oidc-issuer https://accounts.example.com --trusted-root trusted_root.json',
  ],
  async run(session, ref, options) {
    const { repair = false, from = [] } = options
    if (from.length > 0 && !repair) {
      throw new BallastError('USAGE', '--from says where lost files are had from again', {
        hint: 'ballast verify --repair --from REMOTE',
      })
    }
    if (ref !== undefined) {
      if (repair) {
        throw new BallastError('USAGE', 'the whole store is repaired', { hint: 'ballast verify --repair' })
      }
      const { verifyOneVersion } = await import('../verify-version.ts')
      return verifyOneVersion(session, ref, options)
    }
    if (namesSigners(options)) {
      throw new BallastError('USAGE', 'signatures are verified of one version, and none is named', {
        hint: 'ballast verify REF --key cosign.pub',
      })
    }
    if (repair) {
      const { repairStore } = await import('../repair-store.ts')
      return repairStore(session, options)
    }
    const { verify } = await import('../../workflows/upkeep.ts')
    const report = await verify(await session.store(), session)
    for (const warning of report.warnings) session.note(`warning: ${warning}`)
    const { broken } = report.histories
    const found = report.problems.length + broken.length
    session.print(report, () => {
      const summary = `${formatCount(report.blobs, 'blob')}, ${formatBytes(report.bytes)} read: `
      if (found === 0) return `${summary}everything is as it was added\n`
      return `${summary}${formatCount(found, 'problem')}\n${report.problems.map(formatProblem).join('')}${broken.map(formatBroken).join('')}`
    })
    if (found > 0) session.io.setExitCode(EXIT_CODES.DAMAGED)
  },
})
