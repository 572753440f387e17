import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { scanPath } from '../../src/workflows/scan-path.ts'

/**
 * Files of which no rule of the scanner was made: what it says of them is what it will say of the next one. Counted, and
 * shown where it is wrong.
 */
interface Case {
  readonly file: string
  readonly expect: 'hostile' | 'harmless'
  readonly what: string
}

const root = fileURLToPath(new URL('../scan-corpus/', import.meta.url))
const cases = JSON.parse(await readFile(`${root}held-out.json`, 'utf8')) as readonly Case[]

test('of hostile files that it was not made for, the scanner knows nearly all', async (t) => {
  assert.ok((await shareOfRight(t, 'hostile')) >= 0.95)
})

test('of harmless files that it was not made for, few are told as hostile', async (t) => {
  assert.ok((await shareOfRight(t, 'harmless')) >= 0.75)
})

async function shareOfRight(t: TestContext, expect: Case['expect']): Promise<number> {
  const own = cases.filter((item) => item.expect === expect)
  let right = 0
  for (const { file, what } of own) {
    const { verdict } = await scanPath(root + file)
    const isRefused = verdict === 'hostile' || verdict === 'unreadable'
    if (isRefused === (expect === 'hostile')) right++
    else t.diagnostic(`${file} (${what}): ${verdict}`)
  }
  t.diagnostic(`${right} of ${own.length} ${expect} ones`)
  return right / own.length
}
