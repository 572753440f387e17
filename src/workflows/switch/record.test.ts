import assert from 'node:assert/strict'
import { lstat, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../../test/fixtures/temporary.ts'
import { writeRecord } from './record.ts'

test('the file keeps its mode, and a link to it stays one', async (t) => {
  const directory = await temporaryDirectory(t)
  const [path, shared] = [join(directory, 'ballast.yaml'), join(directory, 'shared.yaml')]
  await writeFile(shared, 'apps: { api: { strategy: { production: embed } } }\n', { mode: 0o600 })
  await symlink('shared.yaml', path)
  const places = { file: 'ballast.yaml', environment: 'production' }
  const step = { ...places, do: 'record', from: 'embed', to: 'mount', bytes: 0 } as const
  await writeRecord(directory, { app: 'api', step })
  assert.match(await readFile(shared, 'utf8'), /production: mount/)
  assert.equal((await lstat(path)).isSymbolicLink(), true)
  assert.equal((await stat(shared)).mode & 0o777, 0o600)
})
