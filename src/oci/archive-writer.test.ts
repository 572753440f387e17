import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { savedImages, writeArchive } from '../../test/fixtures/image-archive.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { imageRepositorySuite } from '../../test/suites/image-repository.ts'
import { bytesContent, type Content, digestOf, isBallastError, readAll } from '../core/index.ts'
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from '../model/index.ts'
import { openArchive } from './archive-repository.ts'
import { createArchive } from './archive-writer.ts'
import type { ImageRepository, StoredManifest } from './image-repository.ts'

imageRepositorySuite('an archive that is being written', async (context) =>
  createArchive(join(await temporaryDirectory(context), 'app.tar')),
)

test('the archive appears with the first manifest under a tag, and nothing before or beside it', async (t) => {
  const directory = await temporaryDirectory(t)
  const path = join(directory, 'app.tar')
  const archive = await createArchive(path)
  const manifest = await putImage(archive, ['one', 'two'])
  assert.equal((await readdir(directory)).includes('app.tar'), false)
  await archive.putManifest(manifest, 'app:v1')
  assert.deepEqual(await readdir(directory), ['app.tar'])
  const read = await openArchive(path)
  assert.deepEqual(await read.getManifest('app:v1'), manifest)
  const blob = { digest: digestOf('two'), size: 3 }
  assert.equal(String(await readAll(read.openBlob(blob).open(), 10)), 'two')
})

test('a former archive stays until the new one is whole; what is given up leaves nothing', async (t) => {
  const directory = await temporaryDirectory(t)
  const path = await writeArchive(join(directory, 'app.tar'), savedImages([{ layers: [] }]))
  const former = await readFile(path)
  const archive = await createArchive(path)
  await putImage(archive, ['one'])
  assert.ok((await readFile(path)).equals(former))
  await archive.close?.()
  assert.deepEqual(await readdir(directory), ['app.tar'])
  assert.ok((await readFile(path)).equals(former))
  await archive.putManifest(await putImage(archive, ['one']), 'app:v1')
  assert.equal((await readFile(path)).equals(former), false)
})

test('what a killed process left behind goes with the next archive, and nothing else does', async (t) => {
  const directory = await temporaryDirectory(t)
  const gone = '.ballast-999999999-1-000000000000-000000000000.tmp'
  await writeFile(join(directory, gone), 'half an archive')
  await writeFile(join(directory, 'mine.tmp'), '')
  const hour = new Date(Date.now() - 2 * 3_600_000)
  await utimes(join(directory, gone), hour, hour)
  await createArchive(join(directory, 'app.tar'))
  assert.deepEqual(await readdir(directory), ['mine.tmp'])
})

test('a temporary file that somebody removes is a failure, never an archive with a hole', async (t) => {
  const directory = await temporaryDirectory(t)
  const archive = await createArchive(join(directory, 'app.tar'))
  const manifest = await putImage(archive, ['one'])
  for (const name of await readdir(directory)) await rm(join(directory, name))
  await assert.rejects(archive.putManifest(manifest, 'app:v1'), (error) => isBallastError(error, 'DISK'))
  assert.deepEqual(await readdir(directory), [])
})

test('the same puts give the same bytes, however long each takes', async (t) => {
  const directory = await temporaryDirectory(t)
  const archives: Buffer[] = []
  for (const slow of [0, 1, 2]) {
    const path = join(directory, `${slow}.tar`)
    const archive = await createArchive(path)
    const texts = ['first', 'second', 'third']
    await Promise.all(
      texts.map((text, at) => archive.putBlob(blobOf(text), slowly(text, at === slow ? 30 : 0))),
    )
    await archive.putManifest(await putImage(archive, texts), 'app:v1')
    archives.push(await readFile(path))
  }
  for (const bytes of archives) assert.ok(bytes.equals(archives[0] as Buffer))
})

test('a mode that the umask gives, and times of 1970 inside', async (t) => {
  const path = join(await temporaryDirectory(t), 'app.tar')
  const umask = process.umask(0o027)
  try {
    const archive = await createArchive(path)
    await archive.putManifest(await putImage(archive, ['one']), 'app:v1')
  } finally {
    process.umask(umask)
  }
  assert.equal((await stat(path)).mode & 0o777, 0o640)
})

test('each image stands once in manifest.json, with its names; mere tags are names for layouts only', async (t) => {
  const path = join(await temporaryDirectory(t), 'app.tar')
  const archive = await createArchive(path)
  const [one, two] = [await putImage(archive, ['one']), await putImage(archive, ['two'])]
  await archive.putManifest(one, 'app:v1')
  await archive.putManifest(one, 'localhost:5000/app:v1')
  await archive.putManifest(two, 'stable')
  const text = (await readFile(path)).toString('latin1')
  const [saved] = /\[\{"Config".*\]/.exec(text) ?? []
  const tags = (JSON.parse(saved ?? '') as { RepoTags: unknown }[]).map(({ RepoTags }) => RepoTags)
  assert.deepEqual(tags, [['app:v1', 'localhost:5000/app:v1'], null])
  assert.deepEqual(await (await openArchive(path)).listTags(), ['app:v1', 'localhost:5000/app:v1', 'stable'])
})

test('a manifest without its blobs, or under a name that Engines refuse, is not written', async (t) => {
  const directory = await temporaryDirectory(t)
  const archive = await createArchive(join(directory, 'app.tar'))
  const other = await createArchive(join(directory, 'other.tar'))
  const manifest = await putImage(other, ['one'])
  await assert.rejects(archive.putManifest(manifest, 'app:v1'), (error) => isBallastError(error, 'NOT_FOUND'))
  await assert.rejects(other.putManifest(manifest, 'App:v1'), (error) => isBallastError(error, 'USAGE'))
  await other.close?.()
  assert.deepEqual(await readdir(directory), [])
})

test('what is no archive is never replaced', async (t) => {
  const directory = await temporaryDirectory(t)
  const model = join(directory, 'model.onnx')
  await writeFile(model, 'weights '.repeat(100))
  await mkdir(join(directory, 'sub'))
  await symlink('nowhere', join(directory, 'dangling'))
  const refused = (error: unknown): boolean => isBallastError(error, 'REFUSED')
  for (const name of ['model.onnx', 'sub', 'dangling', 'new.tar.gz']) {
    await assert.rejects(createArchive(join(directory, name)), refused, name)
  }
  await assert.rejects(createArchive('/dev/null'), refused)
  await assert.rejects(createArchive(join(directory, 'no', 'app.tar')), (error) =>
    isBallastError(error, 'NOT_FOUND'),
  )
  assert.equal((await readFile(model)).length, 800)
})

test('behind a link, the file is replaced and the link stays', async (t) => {
  const directory = await temporaryDirectory(t)
  await mkdir(join(directory, 'sub'))
  await writeFile(join(directory, 'sub', 'real.tar'), '')
  await symlink('sub/real.tar', join(directory, 'app.tar'))
  const archive = await createArchive(join(directory, 'app.tar'))
  await archive.putManifest(await putImage(archive, ['one']), 'app:v1')
  assert.deepEqual(await readdir(directory), ['app.tar', 'sub'])
  assert.equal((await openArchive(join(directory, 'sub', 'real.tar'))).imageName(''), 'app:v1')
})

async function putImage(archive: ImageRepository, layers: readonly string[]): Promise<StoredManifest> {
  const rootfs = { type: 'layers', diff_ids: layers.map(digestOf) }
  const config = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs })
  for (const text of [...layers, config]) await archive.putBlob(blobOf(text), slowly(text, 0))
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_CONFIG, ...blobOf(config) },
      layers: layers.map((text) => ({ mediaType: OCI_LAYER, ...blobOf(text) })),
    }),
  )
  return { mediaType: OCI_MANIFEST, digest: digestOf(bytes), bytes }
}

function blobOf(text: string) {
  return { digest: digestOf(text), size: text.length }
}

function slowly(text: string, ms: number): Content {
  const content = bytesContent(Buffer.from(text))
  return {
    size: content.size,
    async *open(range) {
      await sleep(ms)
      yield* content.open(range)
    },
  }
}
