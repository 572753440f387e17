import { readdir, readFile, writeFile } from 'node:fs/promises'
import { describeBound, type Result } from './result.ts'
import { markdownTable } from './table.ts'

/** What `docs/benchmarks/NAME.json` holds. */
export interface Kept extends Result {
  /** As it can be typed in a clone. */
  readonly command: string
}

/** In the order of the document; what is kept beside these follows by name. */
export const BENCHES: readonly string[] = [
  'start',
  'add',
  'many-versions',
  'fetch',
  'fetch-s3',
  'fetch-many',
  'transfer',
  'capture',
  'first-embed',
  'swap',
  'engine',
  'mount-link',
  'plugin',
  'pulled-bytes',
  'serve-follow',
  'memory',
  'serve',
  'conformance',
  'swaps-under-load',
  'prediction',
]

const DOCS = new URL('../docs/', import.meta.url)
const KEPT = new URL('benchmarks/', DOCS)

export async function keepResult(bench: string, kept: Kept): Promise<void> {
  await writeFile(new URL(`${bench}.json`, KEPT), `${JSON.stringify(kept, undefined, 2)}\n`)
}

/** Writes docs/benchmarks.md. */
export async function writeDocument(): Promise<void> {
  await writeFile(new URL('benchmarks.md', DOCS), renderDocument(await readKept()))
}

/** In the order of the document. */
export async function readKept(): Promise<readonly Kept[]> {
  const names = (await readdir(KEPT))
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -5))
  const ordered = [
    ...BENCHES.filter((name) => names.includes(name)),
    ...names.filter((name) => !BENCHES.includes(name)).sort(),
  ]
  const kept: Kept[] = []
  for (const name of ordered) {
    kept.push(JSON.parse(await readFile(new URL(`${name}.json`, KEPT), 'utf8')) as Kept)
  }
  return kept
}

const INTRODUCTION = `# Benchmarks

\`npm run bench -- NAME --keep\` measures on this machine and writes this page from \`docs/benchmarks/NAME.json\`. Each figure
stands below the command that prints it; \`--help\` behind the command says which sizes can be chosen. Disk and registry set
the absolute figures; the ratios against another tool in the same run are what carries over.`

const KILLS = `## Kills

\`npm test\` kills 60 commands at random instants and before random calls that change the disk; \`node bench/kill.ts --count
300 --seed N\` does as many as wanted, \`--every\` one before every such call. The count for each phase and the seed are printed.`

const GC_BESIDE = `## gc beside others

\`node bench/gc-beside.ts --minutes 10 --seed N\` lets eight processes of the command add, embed, pull, push, mount, follow, remove and
capture on one store while \`gc\` runs in a loop, by policies too; \`npm test\` does so for ten seconds. In the end every mount and image is
opened and hashed, each version that a target has is there, and the files on the disk are those that something needs. What was
done and removed is printed.`

const POWER_CUTS = `## Power cuts

\`node bench/power-cuts.ts --cuts 200 --seed N\` records every write and flush below a file system on which two writers use one
store, and cuts the power of that disk at random instants; \`npm test\` does three cuts. What is counted is printed.`

/** From what is kept and nothing else: the same figures make the same text. */
export function renderDocument(kept: readonly Kept[]): string {
  return `${[INTRODUCTION, ...kept.map(renderSection), KILLS, GC_BESIDE, POWER_CUTS].join('\n\n')}\n`
}

function renderSection({ title, method, command, machine, rows, bounds = [] }: Kept): string {
  const parts = [
    `## ${title}`,
    `\`${command}\``,
    ...(method === undefined ? [] : [method]),
    markdownTable(rows),
    ...(bounds.length === 0 ? [] : [bounds.map((bound) => `- ${describeBound(bound)}`).join('\n')]),
    `Measured on: ${Object.entries(machine)
      .map(([what, value]) => `${what} ${value}`)
      .join('; ')}.`,
  ]
  return parts.join('\n\n')
}

if (import.meta.main) await writeDocument()
