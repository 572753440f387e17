import assert from 'node:assert/strict'
import { rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { md5, outsOf, placeInCache, writeDvcProject } from '../../test/fixtures/dvc-project.ts'
import { temporaryStore } from '../../test/fixtures/store.ts'
import { temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { testSource } from '../../test/suites/source.ts'
import { createChecksummer, type ErrorCode, isBallastError } from '../core/index.ts'
import { add } from '../workflows/add.ts'
import { type AddedSource, addSource } from '../workflows/add-source.ts'
import { openDvcSource } from './dvc.ts'

testSource({
  kind: 'DVC',
  mostFiles: 4,
  async open(t, contents) {
    const root = await temporaryDirectory(t)
    const file = await writeDvcProject(root, contents)
    return {
      source: openDvcSource(file),
      replace: async (path, data) => void (await writeDvcProject(root, { ...contents, [path]: data })),
    }
  },
  openMissing: async (t) => openDvcSource(join(await temporaryDirectory(t), 'model.dvc')),
})

const CONTENTS = { 'weights.bin': 'weights', 'deep/config.json': '{"size": 8}', 'empty.txt': '' }

async function addTo(t: Parameters<typeof temporaryStore>[0], address: string): Promise<AddedSource> {
  return addSource(await temporaryStore(t), { name: 'm', address, access: {} })
}

for (const [where, options] of [
  ['the workspace and the cache', {}],
  ['the cache alone', { bare: true }],
  ['the cache of DVC 2', { bare: true, legacy: true }],
] as const) {
  test(`what ${where} has becomes the version that the directory itself would`, async (t) => {
    const root = await temporaryDirectory(t)
    const file = await writeDvcProject(root, CONTENTS, options)
    const plain = await writeFiles(join(root, 'plain'), CONTENTS)
    const expected = await add(await temporaryStore(t), { name: 'm', sources: [plain] })
    assert.equal((await addTo(t, file)).digest, expected.digest)
  })
}

test('a cache that the configuration names is used, and links into it are followed', async (t) => {
  const directory = await temporaryDirectory(t)
  const root = join(directory, 'project')
  const cache = join(directory, 'shared')
  const file = await writeDvcProject(root, CONTENTS, { cache })
  const weights = join(root, 'model/weights.bin')
  await rm(weights)
  await symlink(join(cache, placeInCache(md5(CONTENTS['weights.bin']))), weights)
  const { digest } = await addTo(t, file)
  assert.equal(
    (await add(await temporaryStore(t), { name: 'm', sources: [join(root, 'model')] })).digest,
    digest,
  )
})

test('one file has its own name, several outs have theirs', async (t) => {
  const root = await temporaryDirectory(t)
  await writeDvcProject(root, CONTENTS)
  const one = { md5: md5('one'), size: 3, path: 'one.pkl' }
  const two = { md5: md5('two'), size: 3, path: 'two.pkl' }
  await writeFiles(root, {
    'sub/one.pkl': 'one',
    'sub/two.pkl': 'two',
    'sub/one.pkl.dvc': outsOf([one]),
    'both.dvc': `${outsOf([one, two])}wdir: sub\n`,
  })
  const paths = async (file: string): Promise<readonly string[]> =>
    (await openDvcSource(join(root, file)).list()).files.map(({ path }) => path)
  assert.deepEqual(await paths('sub/one.pkl.dvc'), ['one.pkl'])
  assert.deepEqual(await paths('both.dvc'), ['sub/one.pkl', 'sub/two.pkl'])
})

test('an out of a pipeline is found by its path, wherever its stage works', async (t) => {
  const root = await temporaryDirectory(t)
  await writeDvcProject(root, CONTENTS)
  const out = (path: string, data: string): string =>
    `    outs:\n    - path: ${path}\n      hash: md5\n      md5: ${md5(data)}\n      size: ${data.length}\n`
  await writeFiles(root, {
    'dvc.yaml':
      'stages:\n  train:\n    cmd: make\n    wdir: sub\n  each:\n    foreach: [a]\n    do:\n      cmd: make\n',
    'dvc.lock': `schema: '2.0'\nstages:\n  train:\n    cmd: make\n${out('../models/m.pkl', 'trained')}  each@a:\n    cmd: make\n${out('a.pkl', 'of a')}`,
    'models/m.pkl': 'trained',
    'a.pkl': 'of a',
  })
  const lock = join(root, 'dvc.lock')
  for (const [path, data] of [
    ['models/m.pkl', 'trained'],
    ['./a.pkl', 'of a'],
  ] as const) {
    const source = openDvcSource(`${lock}:${path}`)
    const { files, revision } = await source.list()
    assert.deepEqual(
      files.map(({ path, size }) => [path, size]),
      [[path.replace(/.*\//, ''), data.length]],
    )
    assert.equal(revision, md5(data))
    assert.equal((await addTo(t, `${lock}:${path}`)).files, 1)
  }
  await assert.rejects(
    openDvcSource(`${lock}:other.pkl`).list(),
    (error) => isBallastError(error, 'USAGE') && /it has models\/m\.pkl, a\.pkl/.test(error.hint ?? ''),
  )
})

test('a file that was changed in the workspace is taken from the cache', async (t) => {
  const root = await temporaryDirectory(t)
  const file = await writeDvcProject(root, CONTENTS)
  const { digest } = await addTo(t, file)
  await writeFile(join(root, 'model/weights.bin'), 'WEIGHTS')
  assert.equal((await addTo(t, file)).digest, digest)
})

test('text of DVC 2 is held against its MD5 without carriage returns', async (t) => {
  const root = await temporaryDirectory(t)
  const [text, binary] = ['a\r\nb\r\n', 'a\r\nb\0']
  await writeDvcProject(root, {}, { legacy: true })
  await writeFiles(root, {
    'text.csv': text,
    'binary.bin': binary,
    'both.dvc': outsOf(
      [
        { md5: md5('a\nb\n'), size: text.length, path: 'text.csv' },
        { md5: md5(binary), size: binary.length, path: 'binary.bin' },
      ],
      true,
    ),
  })
  assert.equal((await addTo(t, join(root, 'both.dvc'))).files, 2)
})

test('blocks of text count each by itself, wherever the chunks end', () => {
  const block = `${'x'.repeat(1024 * 1024 - 1)}\r`
  const text = Buffer.from(`${block}\n\r\n`)
  for (const step of [1024 * 1024, 300_001, text.length]) {
    const summer = createChecksummer('md5-dos2unix')
    for (let at = 0; at < text.length; at += step) summer.update(text.subarray(at, at + step))
    assert.equal(summer.value(), md5(`${block}\n\n`))
  }
})

test('what is nowhere is told with the command that brings it', async (t) => {
  const root = await temporaryDirectory(t)
  const file = await writeDvcProject(root, CONTENTS, { bare: true })
  const cache = join(root, '.dvc/cache')
  await rm(join(cache, placeInCache(md5(CONTENTS['weights.bin']))))
  await refused(addTo(t, file), 'NOT_FOUND', /weights\.bin/)
  await rename(cache, `${cache}-away`)
  await refused(addTo(t, file), 'NOT_FOUND', /model/)
})

test('a directory whose model DVC has not brought yet is refused', async (t) => {
  const root = await temporaryDirectory(t)
  await writeDvcProject(root, CONTENTS)
  const source = await writeFiles(join(root, 'models'), {
    'a.pkl.dvc': outsOf([{ md5: md5('a'), size: 1, path: 'a.pkl' }]),
    'README.md': 'read me',
  })
  const adding = async (): Promise<unknown> => add(await temporaryStore(t), { name: 'm', sources: [source] })
  await refused(adding(), 'REFUSED', /a\.pkl\.dvc stands for a\.pkl,/)
  await writeFile(join(source, 'a.pkl'), 'a')
  await adding()
})

test('other bytes in workspace and cache are refused', async (t) => {
  const root = await temporaryDirectory(t)
  const file = await writeDvcProject(root, CONTENTS, { bare: true })
  const place = join(root, '.dvc/cache', placeInCache(md5(CONTENTS['weights.bin'])))
  await writeFile(place, 'WEIGHTS')
  await assert.rejects(addTo(t, file), (error) => isBallastError(error, 'DAMAGED'))
})

test('names that lead out, and files that are none of DVC, are refused', async (t) => {
  const root = await temporaryDirectory(t)
  await writeDvcProject(root, CONTENTS)
  const list = JSON.stringify([{ md5: md5('weights'), relpath: '../../out' }])
  await writeFiles(root, {
    'above.dvc': outsOf([{ md5: md5('x'), size: 1, path: '../x' }]),
    'absolute.dvc': outsOf([{ md5: md5('x'), size: 1, path: '/etc/passwd' }]),
    'inner.dvc': outsOf([{ md5: `${md5(list)}.dir`, path: 'model' }]),
    [`.dvc/cache/${placeInCache(`${md5(list)}.dir`)}`]: list,
    'other.dvc': 'stages: []\n',
    'bucket.dvc': 'outs:\n- etag: abc\n  path: s3://bucket/x\n',
  })
  for (const name of ['above', 'absolute', 'inner']) {
    await assert.rejects(
      addTo(t, join(root, `${name}.dvc`)),
      (error) => isBallastError(error, 'REFUSED'),
      name,
    )
  }
  for (const name of ['other', 'bucket']) await refused(addTo(t, join(root, `${name}.dvc`)), 'USAGE', /dvc/)
})

test('a link of the workspace that leads elsewhere is not followed', async (t) => {
  const directory = await temporaryDirectory(t)
  const root = join(directory, 'project')
  await writeFiles(directory, { secret: 'x' })
  await writeDvcProject(root, {})
  await writeFile(join(root, 'x.dvc'), outsOf([{ md5: md5('x'), size: 1, path: 'x' }]))
  await symlink(join(directory, 'secret'), join(root, 'x'))
  await refused(addTo(t, join(root, 'x.dvc')), 'NOT_FOUND', /x/)
})

async function refused(work: Promise<unknown>, code: ErrorCode, says: RegExp): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(isBallastError(error, code), String(error))
    assert.match(error.message, says)
    assert.match(error.hint ?? '', /dvc/)
    return true
  })
}
