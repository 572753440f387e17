import assert from 'node:assert/strict'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { resolveModel } from 'ballast/runtime'
import { createClassifier } from './classifier.ts'
import { type ExportVersion, exportModel } from './export-model.ts'
import { loadSentiment, type SentimentModel, VOCABULARY, WEIGHTS } from './model.ts'
import { tokenise } from './tokenise.ts'

const VERSIONS = [1, 2, 3] as const satisfies readonly ExportVersion[]

let root: string
const models = new Map<ExportVersion, SentimentModel>()

const load = async (directory: string): Promise<SentimentModel> =>
  loadSentiment(await resolveModel(directory))

const scoreOf = (version: ExportVersion, text: string): number | undefined =>
  models.get(version)?.classify(text).score

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'ballast-sentiment-'))
  for (const version of VERSIONS) {
    await exportModel(join(root, `${version}`), version)
    models.set(version, await load(join(root, `${version}`)))
  }
})
after(() => rm(root, { recursive: true, force: true }))

describe('the exported model', () => {
  const sentences: readonly (readonly [string, string])[] = [
    ['What a wonderful, lovely day!', 'positive'],
    ['This is the worst film I have ever seen, a complete disaster.', 'negative'],
    ['The train leaves at noon.', 'neutral'],
    ["I can't stand this.", 'negative'],
    ['I don’t like it', 'negative'],
    ['The results are not good', 'negative'],
    ['It is not a disaster', 'positive'],
    ["She'll say he'll come", 'neutral'],
    ['', 'neutral'],
  ]
  for (const version of VERSIONS) {
    it(`labels sentences sensibly in version ${version}`, () => {
      for (const [text, label] of sentences) {
        assert.equal(models.get(version)?.classify(text).label, label, text)
      }
    })
  }

  it('differs between the versions', () => {
    assert.deepEqual(
      VERSIONS.map((version) => scoreOf(version, 'futile')),
      [2, -2, -0.4],
    )
    assert.deepEqual(
      VERSIONS.map((version) => scoreOf(version, 'outstanding')),
      [5, 5, 1],
    )
    assert.equal(new Set(VERSIONS.map((version) => models.get(version)?.stamps.weights)).size, 3)
  })

  it('says what is derived', () => {
    assert.match(models.get(3)?.source ?? '', /^derived from AFINN-165/)
    assert.doesNotMatch(models.get(2)?.source ?? '', /derived/)
  })

  it('is the same bytes at each export', async () => {
    for (const version of VERSIONS) {
      await exportModel(join(root, 'again'), version)
      for (const file of [WEIGHTS, VOCABULARY]) {
        assert.deepEqual(
          await readFile(join(root, 'again', file)),
          await readFile(join(root, `${version}`, file)),
        )
      }
    }
  })

  it('is refused when its two files are of different versions, or one is damaged', async () => {
    const mixed = join(root, 'mixed')
    await exportModel(mixed, 1)
    await copyFile(join(root, '2', VOCABULARY), join(mixed, VOCABULARY))
    await assert.rejects(load(mixed), /of different versions/)
    await writeFile(join(mixed, VOCABULARY), 'null')
    await assert.rejects(load(mixed), /no stamp/)
    await rm(join(mixed, VOCABULARY))
    await assert.rejects(load(mixed), { code: 'ENOENT' })
  })
})

describe('createClassifier', () => {
  const classify = createClassifier(['good', 'not good', 'well-being', 'bad', 'no'], [3, -2, 2, -3, -1])

  it('prefers the longest entry, and takes each word once', () => {
    assert.deepEqual(classify('not good, good').tokens, [
      { token: 'not good', score: -2 },
      { token: 'good', score: 3 },
    ])
  })

  it('finds an entry with a hyphen however it is written', () => {
    assert.equal(classify('Well-Being or well being').score, 4)
  })

  it('turns an entry round after a negation, within reach', () => {
    assert.equal(classify("isn't bad").score, 3)
    assert.equal(classify('never very bad').score, 3)
    assert.equal(classify('not in the least bad').score, -3)
  })

  it('refuses weights for another number of tokens', () => {
    assert.throws(() => createClassifier(['a'], [1, 2]), /1 tokens in the vocabulary, 2 scores/)
  })
})

describe('tokenise', () => {
  it('reads composed and decomposed accents alike', () => {
    assert.deepEqual(tokenise('nai\u0308ve'), tokenise('na\u00efve'))
  })

  it('takes contractions and possessives apart only where that keeps the sense', () => {
    assert.deepEqual(tokenise("Don't, he'll; mother's!"), ['dont', "he'll", 'mother'])
  })
})
