import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string, string]>({
  usage: 'attach <ref> <file>',
  summary: 'attach the metrics of an evaluation to a version',
  details:
    'FILE is one JSON object. The version stays what it is, and earlier metrics stay: `show` has them all, `diff` compares the ' +
    'figures of two versions.',
  examples: ['ballast attach sentiment:3 metrics.json'],
  async run(session, ref, file) {
    const { attachMetricsFile } = await import('../../workflows/metrics.ts')
    const result = await attachMetricsFile(await session.store(), { ref, file })
    session.print(result, () => `${file} attached to ${result.ref}\n`)
  },
})
