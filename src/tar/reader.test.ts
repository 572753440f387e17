import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { bytesContent, type Content, isBallastError } from '../core/index.ts'
import { encodeHeader, paddingOf, TAR_END, type TarEntry } from './header.ts'
import { locateEntries, readTar } from './reader.ts'

const noTar = spawnSync('tar', ['--version']).status !== 0 && 'tar is not installed'

for (const format of ['gnu', 'posix', 'ustar', 'v7', 'oldgnu']) {
  test(`archives of the system tar are read: ${format}`, { skip: noTar }, async (context) => {
    const directory = mkdtempSync(join(tmpdir(), 'ballast-tar-'))
    context.after(() => rmSync(directory, { recursive: true }))
    const names = [
      'a',
      'b'.repeat(90),
      ...(format === 'v7' || format === 'ustar' ? [] : ['c'.repeat(200), 'ü'.repeat(70)]),
    ]
    for (const name of names) writeFileSync(join(directory, name), name)
    const script = `ln -s a link && ln a hard && mkdir sub && truncate -s 1M sparse`
    execFileSync('sh', ['-c', script], { cwd: directory })
    const archive = join(directory, '..', `${format}-${process.pid}.tar`)
    context.after(() => rmSync(archive, { force: true }))
    const sparse = format === 'gnu' || format === 'posix' ? ['--sparse'] : []
    execFileSync('tar', [`--format=${format}`, ...sparse, '--sort=name', '-cf', archive, '.'], {
      cwd: directory,
    })
    const found: TarEntry[] = []
    for await (const entry of readTar(createReadStream(archive, { highWaterMark: 1000 }))) found.push(entry)
    const expected = ['.', ...[...names, 'link', 'hard', 'sub', 'sparse'].map((name) => `./${name}`)].sort()
    assert.deepEqual(found.map((entry) => entry.path).sort(), expected)
    assert.equal(found.find((entry) => entry.path === './link')?.link, 'a')
    assert.equal(found.find((entry) => entry.path === './sub')?.type, 'directory')
    assert.deepEqual(found.filter((entry) => entry.type === 'hardlink').length, 1)
  })
}

test('entries are located without a byte of their bodies being read', async () => {
  const bodies = [Buffer.alloc(300_000, 'a'), Buffer.alloc(0), Buffer.alloc(70_001, 'b')]
  const long = `${'x'.repeat(200)}/y`
  const tar = Buffer.concat([
    ...bodies.flatMap((body, at) => [
      encodeHeader({ ...FILE, path: at === 1 ? long : `${at}`, size: body.length }),
      body,
      Buffer.alloc(paddingOf(body.length)),
    ]),
    TAR_END,
  ])
  let read = 0
  const content: Content = {
    size: tar.length,
    async *open(range = { offset: 0, length: tar.length }) {
      read += range.length
      yield tar.subarray(range.offset, range.offset + range.length)
    },
  }
  const found = []
  for await (const located of locateEntries(content)) found.push(located)
  assert.deepEqual(
    found.map(({ entry }) => entry.path),
    ['0', long, '2'],
  )
  for (const [at, { entry, offset }] of found.entries()) {
    assert.ok(tar.subarray(offset, offset + entry.size).equals(bodies[at] as Buffer))
  }
  assert.ok(read <= 3 * 64 * 1024, `${read} bytes read`)
})

test('locating and reading agree on every cut of an archive', async () => {
  const tar = Buffer.concat([
    encodeHeader({ ...FILE, path: 'ü'.repeat(80), size: 5 }),
    Buffer.alloc(512, 'c'),
    encodeHeader({ ...FILE, path: 'd', size: 0 }),
    TAR_END,
  ])
  for (let length = 0; length <= tar.length; length += 64) {
    const cut = bytesContent(tar.subarray(0, length))
    assert.deepEqual(await outcome(locateEntries(cut)), await outcome(readTar(cut.open())), `${length}`)
  }
})

const FILE: TarEntry = { path: 'plain', type: 'file', size: 0, mode: 0o644, uid: 0, gid: 0 }

async function outcome(items: AsyncIterable<unknown>): Promise<number | string> {
  let count = 0
  try {
    for await (const _ of items) count++
    return count
  } catch (error) {
    assert.ok(isBallastError(error, 'DAMAGED'))
    return `${count}, then ${error.message}`
  }
}
