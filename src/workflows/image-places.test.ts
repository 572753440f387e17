import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { savedImages, writeArchive } from '../../test/fixtures/image-archive.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { isBallastError } from '../core/index.ts'
import { formatImageReference, parseImageReference } from '../embed/index.ts'
import { openImage } from './image-places.ts'

const ACCESS = { dockerConfig: '/nowhere' }
const DIGEST = `sha256:${'0'.repeat(64)}`

/** Base, what stands behind the file's name in the operand, and what the image is called in the archive. */
const NAMES: readonly (readonly [base: string, reference: string, name: string])[] = [
  ['localhost:5000/team/app:v1', '', 'localhost:5000/team/app:v1'],
  ['localhost:5000/team/app', '', 'localhost:5000/team/app:latest'],
  [`localhost:5000/team/app@${DIGEST}`, '', 'localhost:5000/team/app:latest'],
  ['localhost:5000/team/app:v1', ':v2', 'localhost:5000/team/app:v2'],
  ['localhost:5000/team/app:v1', ':web:v2', 'web:v2'],
  ['localhost:5000/team/app:v1', ':registry.example.com/web', 'registry.example.com/web:latest'],
  ['oci:some/My Layout:v1', '', 'my-layout:v1'],
  ['oci:layout', ':v2', 'layout:v2'],
  ['archive:sub/app_1.tar:team/app:v1', '', 'team/app:v1'],
  ['archive:sub/app_1.tar', '', 'app-1:latest'],
  ['archive:sub/app_1.tar:Odd+Name', ':v2', 'app-1:v2'],
]

for (const [base, reference, name] of NAMES) {
  test(`${base} embedded into archive:FILE${reference} is called ${name}`, async (t) => {
    const path = join(await temporaryDirectory(t), 'result.tar')
    const options = { create: true, base: parseImageReference(base) }
    const opened = await openImage(`archive:${path}${reference}`, ACCESS, options)
    assert.equal(opened.reference, name)
    assert.equal(formatImageReference(opened.image), `archive:${path}:${name}`)
  })
}

test('a result needs a name that Engines accept', async () => {
  const base = parseImageReference('localhost:5000/app')
  for (const reference of ['App:v1', 'app:v1:v2', '../app:v1']) {
    await assert.rejects(openImage(`archive:app.tar:${reference}`, ACCESS, { create: true, base }), (error) =>
      isBallastError(error, 'USAGE'),
    )
  }
})

test('an archive that is read is known by the whole name of its image', async (t) => {
  const path = join(await temporaryDirectory(t), 'app.tar')
  await writeArchive(path, savedImages([{ tags: ['localhost:5000/app:v1'], layers: [] }]))
  for (const reference of ['', ':v1', ':app:v1']) {
    const { image } = await openImage(`archive:${path}${reference}`, ACCESS)
    assert.equal(formatImageReference(image), `archive:${path}:localhost:5000/app:v1`)
  }
})
