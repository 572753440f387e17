import assert from 'node:assert/strict'
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import {
  createTarget,
  digestOf,
  temporaryDirectory,
  writeVersion,
} from '../../test/fixtures/lexicon-target.ts'
import { ModelError, type ModelErrorCode, resolveModel } from './index.ts'

const fails = (path: string, code: ModelErrorCode, message: RegExp, options = {}): Promise<void> =>
  assert.rejects(resolveModel(path, options), (error) => {
    assert.ok(error instanceof ModelError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    assert.ok(error.message.includes(path), error.message)
    return true
  })

describe('resolveModel', () => {
  it('reads a version tree, directly and through the link that an embedded model has', async (t) => {
    const root = await temporaryDirectory(t)
    await writeVersion(join(root, 'models/sentiment'), 7)
    await mkdir(join(root, 'app'))
    await symlink('../models/sentiment', join(root, 'app/models'))
    for (const path of [join(root, 'models/sentiment'), join(root, 'app/models')]) {
      const model = await resolveModel(path)
      assert.equal(model.directory, join(root, 'models/sentiment'))
      assert.deepEqual(model.version, {
        model: 'sentiment',
        digest: digestOf(7),
        number: 7,
        reference: 'sentiment:prod',
      })
      assert.equal(await readFile(model.file('number'), 'utf8'), '7')
    }
  })

  it('takes a plain directory, without a version', async (t) => {
    const root = await temporaryDirectory(t)
    await writeFile(join(root, 'model.bin'), 'x')
    const model = await resolveModel(root)
    assert.deepEqual([model.directory, model.version], [root, undefined])
  })

  it('finds the version behind a directory link, behind the root of a target, and behind a chosen link', async (t) => {
    const target = await createTarget(t)
    await target.swap('sentiment', 3)
    assert.equal((await resolveModel(join(target.path, 'sentiment'))).version?.number, 3)
    assert.equal((await resolveModel(target.path)).version?.number, 3)
    await target.swap('other', 4)
    assert.equal((await resolveModel(target.path, { name: 'other' })).version?.number, 4)
    await fails(target.path, 'AMBIGUOUS', /holds other, sentiment: pass one/)
    await fails(target.path, 'AMBIGUOUS', /but not third/, { name: 'third' })
  })

  it('keeps to the version it resolved after the path has moved on', async (t) => {
    const target = await createTarget(t)
    await target.swap('sentiment', 1)
    const model = await resolveModel(join(target.path, 'sentiment'))
    await target.swap('sentiment', 2)
    assert.equal(await readFile(model.file('number'), 'utf8'), '1')
  })

  it('says what is wrong and what to do', async (t) => {
    const root = await temporaryDirectory(t)
    await fails(join(root, 'absent'), 'MISSING', /there is nothing at .*`ballast mount`/)
    await symlink('gone', join(root, 'dangling'))
    await fails(join(root, 'dangling'), 'MISSING', /leads to .*gone, which is not there/)
    await symlink('loop', join(root, 'loop'))
    await fails(join(root, 'loop'), 'MISSING', /back to itself/)
    await writeFile(join(root, 'file'), '')
    await fails(join(root, 'file'), 'MISSING', /is a file/)
    await mkdir(join(root, 'empty/lost+found'), { recursive: true })
    await fails(join(root, 'empty'), 'EMPTY', /^nothing is mounted at .*\(an empty directory\): mount/)
    await mkdir(join(root, 'prepared/.ballast/versions'), { recursive: true })
    await fails(join(root, 'prepared'), 'EMPTY', /none has been delivered/)
    await mkdir(join(root, 'half/.ballast'), { recursive: true })
    await fails(join(root, 'half'), 'DAMAGED', /neither/)
    await mkdir(join(root, 'bad/.ballast'), { recursive: true })
    await writeFile(join(root, 'bad/.ballast/model.json'), '{"model":"x","digest":"latest"}')
    await fails(join(root, 'bad'), 'DAMAGED', /does not say which version/)
  })

  it('reports a target whose version lost its marker', async (t) => {
    const target = await createTarget(t)
    const directory = await target.swap('sentiment', 1)
    await rm(join(directory, '.ballast'), { recursive: true })
    await fails(target.path, 'DAMAGED', /no whole version/)
  })

  it('refuses files outside the model', async (t) => {
    const root = await temporaryDirectory(t)
    await writeFile(join(root, 'a'), '')
    const model = await resolveModel(root)
    assert.equal(model.file('sub/../a'), join(root, 'a'))
    for (const path of ['../a', '/etc/passwd', '.', '', 'sub/../..']) {
      assert.throws(() => model.file(path), TypeError, path)
    }
  })

  it('never mixes two versions while they are swapped and removed at once', async (t) => {
    const target = await createTarget(t)
    await target.swap('sentiment', 1)
    let ended = false
    let resolved = 0
    const readers = ['', 'sentiment'].map(async (link) => {
      while (!ended) {
        const model = await resolveModel(join(target.path, link))
        const [, number] = /\/versions\/(\d+)-/.exec(model.directory) ?? []
        assert.equal(model.version?.number, Number(number))
        assert.equal(model.version?.digest, digestOf(Number(number)))
        resolved++
      }
    })
    const swaps = (async () => {
      let former: string | undefined
      for (let number = 2; number < 250; number++) {
        const next = await target.swap('sentiment', number)
        if (former !== undefined) await rm(former, { recursive: true })
        former = next
      }
    })()
    await swaps.finally(() => {
      ended = true
    })
    await Promise.all(readers)
    assert.ok(resolved > 50, `${resolved} resolved`)
  })

  it('waits out a link that is replaced by removing it first', async (t) => {
    const target = await createTarget(t)
    const directory = await target.swap('sentiment', 1)
    const link = join(target.path, 'sentiment')
    await rename(link, `${link}.aside`)
    const pending = resolveModel(link)
    setTimeout(() => void rename(`${link}.aside`, link), 5)
    assert.equal((await pending).directory, directory)
  })
})
