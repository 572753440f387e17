import { EXIT_CODES } from '../../core/index.ts'
import type { ScannedTarget, ScanResult } from '../../workflows/scan.ts'
import { formatCount } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string[]]>({
  usage: 'scan <ref|path...>',
  summary: 'look for what models would run, read or import when they are loaded; nothing is executed',
  details:
    'Each file is one of: clean; executable (it is a pickle or the like, and all that it imports is known to be harmless);\n' +
    'unreadable (it could not be looked at in full); hostile (it imports what no model needs, or is not what it seems to be).\n' +
    'Pickles are followed wherever they are: in zips, archives of tar, compressed files, arrays of numpy, files of torch and joblib.\n' +
    'What was found in a file of the store is remembered. The exit code is 4 where anything is hostile or unreadable, else 0.',
  examples: [
    'ballast scan sentiment:prod',
    'ballast scan ./downloads/model.pt',
    'ballast scan sentiment:3 --json',
  ],
  movesBytes: true,
  async run(session, operands) {
    const { scan } = await import('../../workflows/scan.ts')
    const result = await scan(session.store, operands, session)
    session.print(result, () => describe(result))
    if (result.verdict === 'hostile' || result.verdict === 'unreadable') {
      session.io.setExitCode(EXIT_CODES.REFUSED)
    }
  },
})

function describe({ targets }: ScanResult): string {
  return targets.map(describeTarget).join('\n')
}

function describeTarget({ target, verdict, files }: ScannedTarget): string {
  const told = files.filter(({ findings }) => findings.length > 0)
  const lines = told.map((file) => {
    const findings = file.findings.map(({ verdict: of, rule, within, what }) => {
      const place = within === undefined ? '' : `${within}: `
      return `  ${of.padEnd(10)}  ${place}${what} [${rule}]\n`
    })
    return `${file.path}   ${file.format}, ${file.verdict}\n${findings.join('')}`
  })
  const counts = (['hostile', 'unreadable', 'executable', 'clean'] as const)
    .map((of) => [files.filter((file) => file.verdict === of).length, of] as const)
    .filter(([count]) => count > 0)
    .map(([count, of]) => `${count} ${of}`)
  return `${lines.join('')}${target}: ${verdict}; ${formatCount(files.length, 'file')}: ${counts.join(', ')}\n`
}
