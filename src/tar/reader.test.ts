import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TarEntry } from './header.ts'
import { readTar } from './reader.ts'

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
