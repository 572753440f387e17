import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { addVersion, temporaryStore } from '../../test/fixtures/store.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { deliveredVersion } from './follow-targets.ts'
import { mount, mountFollowing } from './mount.ts'

const SHAPES = [
  { what: 'a link', follow: true },
  { what: 'the version itself', follow: false },
  { what: 'a hub cache', follow: true, layout: 'hf' },
  { what: 'a pinned layout', follow: false, layout: 'tfserving' },
] as const

for (const { what, ...shape } of SHAPES) {
  test(`what a target has from before is found where it is ${what}, while it is whole`, async (t) => {
    const store = await temporaryStore(t)
    await addVersion(store, 'team/sentiment:prod', { 'saved_model.pb': 'one' })
    const directory = join(await temporaryDirectory(t), 'models')
    const target = { ref: 'team/sentiment:prod', ...shape }
    assert.equal(await deliveredVersion(directory, target), undefined)
    const request = { ref: target.ref, target: directory, ...('layout' in shape && { layout: shape.layout }) }
    const { path } = await (shape.follow ? mountFollowing : mount)(store, request)
    assert.equal((await deliveredVersion(directory, target))?.version, 'team/sentiment:1')
    await rm(join(directory, path, '.ballast'), { recursive: true, force: true })
    await rm(join(directory, '.ballast'), { recursive: true, force: true })
    assert.equal(await deliveredVersion(directory, target), undefined)
  })
}

test('what is in the way of a target is told by its delivery', async (t) => {
  const place = join(await temporaryDirectory(t), 'models')
  await writeFile(place, 'a file')
  assert.equal(await deliveredVersion(place, { ref: 'sentiment:prod', follow: true }), undefined)
})
