import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { MUTATIONS } from './mutation-list.ts'

const inRepository = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

test('the text that each mutation changes occurs exactly once in its file, and its tests are there', async () => {
  for (const { name, file, text, replacement, tests } of MUTATIONS) {
    const occurrences = (await readFile(inRepository(file), 'utf8')).split(text).length - 1
    assert.equal(occurrences, 1, `${name}: ${occurrences} times in ${file}`)
    assert.notEqual(replacement, text, name)
    assert.ok(tests.length > 0, name)
    for (const { file } of tests) assert.ok(existsSync(inRepository(file)), `${name}: ${file}`)
  }
})

test('at least ten lines of the write path are mutated, each mutation under a name of its own', () => {
  assert.ok(MUTATIONS.length >= 10)
  assert.equal(new Set(MUTATIONS.map(({ name }) => name)).size, MUTATIONS.length)
})
