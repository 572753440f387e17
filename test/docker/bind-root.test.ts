import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ask, run } from '../fixtures/command.ts'
import { busyboxImage, docker, engineMissing, uniqueName } from '../fixtures/engine.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const skip = engineMissing()

/** Everything that root can do to files it sees: written over in place, by another file, with other modes, and removed. */
const SPOIL = [
  'cd /app/models',
  'for f in $(find . -type f); do chmod 777 $f; echo bad > $f; truncate -s 3 $f; mv $f $f.moved; done',
  'chmod -R 0777 .; chown -R 1000:1000 .',
  'rm -rf /app/models/* /app/models/.ballast',
].join('; ')

async function container(t: TestContext, image: string, directory: string): Promise<string> {
  const name = uniqueName('ballast-test')
  t.after(() => docker(['rm', '-f', name]))
  await docker(['run', '-d', '--name', name, '-v', `${directory}:/app/models`, image])
  return name
}

for (const follow of [false, true]) {
  test(`the usual -v on a ${follow ? 'following' : 'pinned'} mount: what root does there reaches neither store nor another mount`, {
    skip,
  }, async (t) => {
    const directory = await temporaryDirectory(t)
    const options = { store: join(directory, 'store') }
    const image = await busyboxImage(t)
    await writeFiles(join(directory, 'model'), {
      'model.bin': 'model'.repeat(5000),
      'vocab/words.txt': 'words',
    })
    await ask(['add', 'sentiment:prod', join(directory, 'model')], options)
    const mounts = ['bad', 'good'].map((name) => join(directory, name))
    for (const target of mounts) {
      await ask(['mount', 'sentiment:prod', target, ...(follow ? ['--follow', '--once'] : [])], options)
    }
    const [bad = '', good = ''] = await Promise.all(mounts.map((target) => container(t, image, target)))
    await docker(['exec', bad, 'sh', '-c', SPOIL])
    const path = follow ? 'sentiment/vocab/words.txt' : 'vocab/words.txt'
    assert.equal(await docker(['exec', good, 'cat', `/app/models/${path}`]), 'words')
    assert.equal(await readFile(join(directory, 'good', path), 'utf8'), 'words')
    assert.equal((await run(['verify'], options)).code, 0)
    assert.notEqual((await run(['check', join(directory, 'bad')], options)).code, 0, 'and it is told')
    assert.equal((await run(['check', join(directory, 'good')], options)).code, 0)
  })
}
