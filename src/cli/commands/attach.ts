import { BallastError } from '../../core/index.ts'
import { formatMetadataValues } from '../render/metadata.ts'
import { defineVerb } from '../verb.ts'

interface AttachOptions {
  readonly meta?: readonly string[]
  readonly label?: readonly string[]
  readonly metadata?: string
}

export const verb = defineVerb<[string, string | undefined, AttachOptions]>({
  usage: 'attach <ref> [file]',
  summary: 'attach the metrics of an evaluation, or metadata, to a version',
  details:
    'FILE is one JSON object of metrics. The version stays what it is, and earlier metrics stay: `show` has them all, `diff` compares the ' +
    'figures of two versions.\n' +
    '--meta, --label and --metadata say of the version what `add` can say of it; what is said last counts, and NAME= takes it away.',
  options: [
    ['--meta <name=value...>', 'license=mit, author=…, dataset=…, commit=…, run=… (may be repeated)'],
    ['--label <name=value...>', 'under a name of your own, label.NAME (may be repeated)'],
    ['--metadata <file>', 'from a file of names and values, in YAML or JSON'],
  ],
  examples: [
    'ballast attach sentiment:3 metrics.json',
    'ballast attach sentiment:3 --meta license=apache-2.0 --label team=nlp',
  ],
  async run(session, ref, file, { meta, label, metadata }) {
    const isSaid = meta !== undefined || label !== undefined || metadata !== undefined
    if (file === undefined && !isSaid) {
      throw new BallastError('USAGE', `what should be attached to ${ref}?`, {
        hint: `metrics: ballast attach ${ref} metrics.json; metadata: ballast attach ${ref} --meta license=mit`,
      })
    }
    const store = await session.store()
    if (file !== undefined) {
      const { attachMetricsFile } = await import('../../workflows/metrics.ts')
      const result = await attachMetricsFile(store, { ref, file })
      if (!isSaid) session.print(result, () => `${file} attached to ${result.ref}\n`)
    }
    if (!isSaid) return
    const { attachStated, readStated } = await import('../../workflows/metadata.ts')
    const values = await readStated({ pairs: meta, labels: label, file: metadata })
    const result = await attachStated(store, { ref, values, by: 'attach' })
    session.print(result, () => `${result.ref}: ${formatMetadataValues(result.metadata)}\n`)
  },
})
