import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import {
  type Answers,
  adviseFor,
  given,
  type InputName,
  mapInputs,
  type Rates,
  REFERENCE_RATES,
  STEP_NAMES,
  type Step,
  type WayName,
} from '../../src/advise/index.ts'
import { KSERVE_STARTS, type PublishedScheme, type PublishedStart } from './published.ts'

/** How often a byte is written to the disk: a builder gets the context, a pull has the blob, before the layer is written. */
const WRITTEN: Readonly<Record<Step, number>> = {
  build: 2,
  push: 0,
  pullCompressed: 2,
  hash: 1,
  upload: 0,
  send: 0,
  load: 2,
  pull: 2,
  fetch: 1,
  deliver: 1,
  attach: 0,
  copy: 1,
}

/** The same where the disk takes no more than so many bytes a second. What is read is taken to be in memory. */
function boundByDisk(rates: Rates, bytesPerSecond: number): Rates {
  const bound = STEP_NAMES.map((step) => {
    const { fixed, perByte } = rates[step]
    return [step, { fixed, perByte: Math.max(perByte, WRITTEN[step] / bytesPerSecond) }]
  })
  return Object.fromEntries(bound)
}

/** Nothing is fitted to the table but one figure: how long a predictor starts whose model is there, from a warm start. */
const START = 11.5
const RATES = boundByDisk(REFERENCE_RATES, KSERVE_STARTS.diskBytesPerSecond)
const WAYS: Readonly<Record<PublishedScheme, WayName>> = {
  'oci+native': 'embed-top',
  modelcar: 'embed-top',
  s3: 'download',
}
const ANSWERS: Answers = {
  environment: 'production',
  local: false,
  platform: 'kubernetes',
  coupling: 'loose',
  team: 'same',
  nodeAccess: true,
  offline: false,
  immutable: false,
  scaleToZero: false,
  reload: false,
}

interface Predicted {
  readonly cold: number
  readonly warm: number
}

/** One node and one container; the predictor's image is there, and registry and store are on the same machine. */
function predict({ scheme, modelBytes }: Pick<PublishedStart, 'scheme' | 'modelBytes'>): Predicted {
  const known: Partial<Record<InputName, number>> = { modelBytes, start: START, machine: 1 }
  const ones: readonly InputName[] = ['nodes', 'replicas', 'apps', 'tenants', 'modelUpdates']
  const inputs = mapInputs((name) =>
    given(known[name] ?? (ones.includes(name) ? 1 : 0), KSERVE_STARTS.source),
  )
  const way = adviseFor({ inputs, answers: ANSWERS, rates: RATES }).ways.find(
    ({ name }) => name === WAYS[scheme],
  )
  assert.ok(way !== undefined)
  return { cold: way.cold.seconds.value, warm: way.warm.seconds.value }
}

const GB = 1e9
const published = (scheme: PublishedScheme, modelBytes: number): PublishedStart => {
  const found = KSERVE_STARTS.starts.find((one) => one.scheme === scheme && one.modelBytes === modelBytes)
  assert.ok(found !== undefined)
  return found
}

/** The worst of the eighteen cells, and which way it is off, is explained in `docs/advice.md`. */
const FACTOR = 2.5

test('every predicted start is within two and a half times the published one', () => {
  for (const start of KSERVE_STARTS.starts) {
    const { cold, warm } = predict(start)
    for (const ratio of [cold / start.coldSeconds, warm / start.warmSeconds]) {
      assert.ok(ratio > 1 / FACTOR && ratio < FACTOR, `${start.scheme} ${start.modelBytes}: ${ratio}`)
    }
  }
})

test('two of three predicted starts are within a third of the published ones', () => {
  const errors = KSERVE_STARTS.starts.flatMap((start) => {
    const { cold, warm } = predict(start)
    return [Math.abs(cold / start.coldSeconds - 1), Math.abs(warm / start.warmSeconds - 1)]
  })
  const close = errors.filter((error) => error < 1 / 3)
  assert.ok(close.length >= (errors.length * 2) / 3, `${close.length} of ${errors.length}`)
})

test('a warm start of what is in an image does not depend on its size, published and predicted', () => {
  const sizes = [2 * GB, 14 * GB, 140 * GB]
  const predicted = sizes.map((modelBytes) => predict({ scheme: 'oci+native', modelBytes }).warm)
  assert.deepEqual(predicted, [START, START, START])
  for (const scheme of ['oci+native', 'modelcar'] as const) {
    const seconds = sizes.map((size) => published(scheme, size).warmSeconds)
    assert.ok(Math.max(...seconds) / Math.min(...seconds) < 1.05)
  }
})

test('a download starts warm as it starts cold, and longer the larger it is', () => {
  for (const modelBytes of [2 * GB, 14 * GB, 140 * GB]) {
    const { cold, warm } = predict({ scheme: 's3', modelBytes })
    assert.ok(Math.abs(cold - warm) < 2)
    const { coldSeconds, warmSeconds } = published('s3', modelBytes)
    assert.ok(Math.abs(coldSeconds / warmSeconds - 1) < 0.35)
  }
})

test('a cold start from an image takes one and a half to three and a half times as long as a download at 14 GB', () => {
  const ratio =
    predict({ scheme: 'oci+native', modelBytes: 14 * GB }).cold /
    predict({ scheme: 's3', modelBytes: 14 * GB }).cold
  assert.ok(ratio > 1.5 && ratio < 3.5, `${ratio}`)
  for (const scheme of ['oci+native', 'modelcar'] as const) {
    const seen = published(scheme, 14 * GB).coldSeconds / published('s3', 14 * GB).coldSeconds
    assert.ok(seen > 1.5 && seen < 3.5, `${seen}`)
  }
})

test('the order of the schemes is that of the table, cold and warm, wherever the table is sure of it', () => {
  for (const modelBytes of [2 * GB, 14 * GB, 140 * GB]) {
    const image = predict({ scheme: 'oci+native', modelBytes })
    const download = predict({ scheme: 's3', modelBytes })
    assert.ok(image.warm < download.warm)
    assert.ok(published('oci+native', modelBytes).warmSeconds < published('s3', modelBytes).warmSeconds)
    assert.ok(image.cold > download.cold)
    // At 2 GB the two schemes with images lie on either side of the download.
    if (modelBytes > 2 * GB)
      assert.ok(published('oci+native', modelBytes).coldSeconds > published('s3', modelBytes).coldSeconds)
  }
})

test('the table in the docs is what is published and predicted', async () => {
  const text = await readFile(new URL('../../docs/advice.md', import.meta.url), 'utf8')
  // Columns are padded.
  const rows = text.replaceAll(/ +\|/g, ' |')
  for (const start of KSERVE_STARTS.starts) {
    const { cold, warm } = predict(start)
    const figures = [start.coldSeconds, cold, start.warmSeconds, warm].map((seconds) => seconds.toFixed(1))
    const row = [start.scheme, `${start.modelBytes / GB} GB`, ...figures]
    assert.ok(rows.includes(`| ${row.join(' | ')} |`), `| ${row.join(' | ')} |`)
  }
})
