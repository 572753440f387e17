import assert from 'node:assert/strict'
import { chown, lstat, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../../test/fixtures/temporary.ts'
import { cannotSwitchUsers } from '../../../test/fixtures/users.ts'
import { writeRecord } from './record.ts'

const STEP = {
  ...{ file: 'ballast.yaml', environment: 'production' },
  ...({ do: 'record', from: 'embed', to: 'mount', bytes: 0 } as const),
}

test("the file stays its owner's where root writes it", { skip: cannotSwitchUsers() }, async (t) => {
  const directory = await temporaryDirectory(t)
  const path = join(directory, 'ballast.yaml')
  await writeFile(path, 'apps: { api: { strategy: { production: embed } } }\n')
  await chown(path, 1234, 2345)
  await writeRecord(directory, { app: 'api', step: STEP })
  assert.match(await readFile(path, 'utf8'), /production: mount/)
  const { uid, gid } = await stat(path)
  assert.deepEqual([uid, gid], [1234, 2345])
})

test('the file keeps its mode, and a link to it stays one', async (t) => {
  const directory = await temporaryDirectory(t)
  const [path, shared] = [join(directory, 'ballast.yaml'), join(directory, 'shared.yaml')]
  await writeFile(shared, 'apps: { api: { strategy: { production: embed } } }\n', { mode: 0o600 })
  await symlink('shared.yaml', path)
  await writeRecord(directory, { app: 'api', step: STEP })
  assert.match(await readFile(shared, 'utf8'), /production: mount/)
  assert.equal((await lstat(path)).isSymbolicLink(), true)
  assert.equal((await stat(shared)).mode & 0o777, 0o600)
})
