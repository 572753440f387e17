import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { scanPath } from '../../src/workflows/scan-path.ts'

interface Case {
  readonly file: string
  readonly expect: 'hostile' | 'harmless'
  readonly what: string
}

const root = fileURLToPath(new URL('../scan-corpus/', import.meta.url))
const cases = JSON.parse(await readFile(`${root}corpus.json`, 'utf8')) as readonly Case[]
const verdictOf = async ({ file }: Case): Promise<string> => (await scanPath(root + file)).verdict

test('every hostile file of the corpus is told as hostile, or as one that cannot be read', async () => {
  const hostile = cases.filter(({ expect }) => expect === 'hostile')
  assert.ok(hostile.length >= 60)
  const passed: string[] = []
  for (const item of hostile) {
    const verdict = await verdictOf(item)
    if (verdict !== 'hostile' && verdict !== 'unreadable')
      passed.push(`${item.file} (${item.what}): ${verdict}`)
  }
  assert.deepEqual(passed, [])
})

test('no harmless file of the corpus is told as hostile', async () => {
  const harmless = cases.filter(({ expect }) => expect === 'harmless')
  assert.ok(harmless.length >= 60)
  const refused: string[] = []
  for (const item of harmless) {
    const verdict = await verdictOf(item)
    if (verdict === 'hostile' || verdict === 'unreadable')
      refused.push(`${item.file} (${item.what}): ${verdict}`)
  }
  assert.deepEqual(refused, [])
})
