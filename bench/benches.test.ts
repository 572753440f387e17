import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { engineMissing } from '../test/fixtures/engine.ts'
import { missingParts } from '../test/fixtures/parts.ts'
import { readKept, renderDocument } from './document.ts'
import type { Result } from './result.ts'

const inRepository = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

interface Small {
  readonly options: string
  readonly needs?: readonly string[]
  readonly needsEngine?: true
}

/** As small as they go: that they measure, not what. */
const SMALL: Readonly<Record<string, Small>> = {
  start: { options: '--runs 1' },
  'many-versions': { options: '--counts 20 --runs 1' },
  add: { options: '--size 1MiB --files 3 --file-size 4KiB --runs 1' },
  capture: { options: '--size 1MiB --files 20' },
  'mount-link': { options: '--sizes 4KiB,1MiB --runs 1' },
  swap: { options: '--sizes 4KiB,1MiB --runs 2', needs: ['docker-registry'] },
  'first-embed': { options: '--size 1MiB --runs 2 --swaps 2', needs: ['docker-registry', 'curl'] },
  serve: { options: '--size 1MiB --pulls 3 --slow 2 --runs 1', needs: ['docker-registry', 'curl', 'nginx'] },
  transfer: { options: '--size 8MiB --runs 1', needs: ['docker-registry', 'skopeo', 'curl'] },
  memory: { options: '--size 1MiB --files 3 --file-size 4KiB', needs: ['docker-registry'] },
  engine: {
    options: '--size 1MiB --models 1*random,2*weights --runs 1',
    needs: ['docker-registry'],
    needsEngine: true,
  },
  plugin: { options: '--size 1MiB --runs 1', needsEngine: true },
  prediction: { options: '--sizes 1MiB,2MiB', needs: ['docker-registry', 'curl'], needsEngine: true },
}

const notBuilt = existsSync(inRepository('dist/cli/main.js')) ? false : 'the command is not built'

for (const [name, { options, needs = [], needsEngine = false }] of Object.entries(SMALL)) {
  const skip = notBuilt || missingParts(...needs) || (needsEngine && engineMissing())
  test(`${name} measures`, { skip }, () => {
    const args = [inRepository('bench/run.ts'), name, ...options.split(' ')]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    const { rows, bounds = [] } = JSON.parse(stdout) as Result
    const [first = {}] = rows
    for (const row of rows) assert.deepEqual(Object.keys(row), Object.keys(first))
    const figures = [...rows.flatMap((row) => Object.values(row)), ...bounds.map(({ value }) => value)]
    assert.deepEqual(
      figures.filter((figure) => figure === null),
      [],
      'a figure that is no number',
    )
    for (const column of Object.keys(first)) assert.ok(stderr.includes(column), stderr)
  })
}

test('docs/benchmarks.md is what the kept figures make', async () => {
  const written = await readFile(inRepository('docs/benchmarks.md'), 'utf8')
  assert.equal(written, renderDocument(await readKept()), 'node bench/document.ts writes it')
})
