import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import type { EnvironmentAdvice } from '../../src/advise/index.ts'
import { advicePage } from '../../src/cli/render/advice-page.ts'
import { SITUATIONS } from '../advise/situations.ts'
import { flagsOf } from '../advise/typed.ts'
import { adviceOf, advised, advisedOfAll, UNLIKE, WEEKLY } from '../fixtures/advice.ts'
import { type Browser, startBrowser, type View } from '../fixtures/browser.ts'
import { missingParts } from '../fixtures/parts.ts'

const skip = missingParts('chromium')

const CASES: readonly (readonly [name: string, advice: EnvironmentAdvice])[] = [
  ...Object.entries(UNLIKE).map(([name, flags]) => [name, advised(flags)] as const),
  ['of all origins', advisedOfAll()],
]

const A4_WIDTH = 680
const VIEWS: Readonly<Record<string, View>> = {
  'a desk': { width: 1100 },
  'a phone': { width: 360 },
  paper: { width: A4_WIDTH, media: 'print' },
}

const CHECKS = await readFile(new URL('../fixtures/page-checks.js', import.meta.url), 'utf8')

function faultsIn(browser: Browser, kind: 'layout' | 'contrast'): Promise<readonly string[]> {
  return browser.evaluate(`${CHECKS}\nfaultsOfPage.${kind}()`)
}

test('the page of every case reads well on a desk, a phone and paper, and in the dark', {
  skip,
  timeout: 180_000,
}, async (t) => {
  const browser = await startBrowser(t)
  for (const [name, advice] of CASES) {
    for (const [where, view] of Object.entries(VIEWS)) {
      await t.test(`${name}, on ${where}`, async () => {
        await browser.open(advicePage(adviceOf(advice)), view)
        assert.deepEqual(await faultsIn(browser, 'layout'), [])
      })
    }
  }
  await t.test('every situation that advice is held against', async () => {
    for (const { name, flags } of SITUATIONS) {
      const page = advicePage(adviceOf(advised(flagsOf(flags))))
      for (const [where, view] of Object.entries(VIEWS)) {
        await browser.open(page, view)
        assert.deepEqual(await faultsIn(browser, 'layout'), [], `${name}, on ${where}`)
      }
    }
  })
  for (const scheme of ['light', 'dark'] as const) {
    await t.test(`contrast when it is ${scheme}`, async () => {
      await browser.open(advicePage(adviceOf(advisedOfAll())), { scheme })
      assert.deepEqual(await faultsIn(browser, 'contrast'), [])
      const paper = await browser.evaluate('getComputedStyle(document.body).backgroundColor')
      assert.equal(paper === 'rgb(255, 255, 255)', scheme === 'light')
    })
  }

  await t.test('long names and several environments', async () => {
    const environments = ['development', 'staging', 'production'].map((environment) =>
      advised({ ...WEEKLY, environment }),
    )
    const long = `registry.example.org:5000/${'a-long-name'.repeat(12)}:v1`
    const page = advicePage({ subject: long, image: long, notes: [long], environments })
    for (const view of Object.values(VIEWS)) {
      await browser.open(page, view)
      assert.deepEqual(await faultsIn(browser, 'layout'), [])
    }
  })

  await t.test('on paper it is light, whatever the screen is, and all of it is there', async () => {
    await browser.open(advicePage(adviceOf(advisedOfAll())), { ...VIEWS.paper, scheme: 'dark' })
    assert.equal(
      await browser.evaluate('getComputedStyle(document.querySelector("h1")).color'),
      'rgb(27, 28, 30)',
    )
    assert.ok((await browser.print()).subarray(0, 5).equals(Buffer.from('%PDF-')))
  })

  await t.test('what overlaps, leaves its place or is too pale is found', async () => {
    const bad = advicePage(adviceOf(advisedOfAll()))
      .replace(/<text x="[\d.]+" y="[\d.]+"/, '<text x="20" y="60"')
      .replace('<p class="soft">', '<p class="soft" style="white-space:nowrap;font-size:9px;color:#bbb">')
      .replace('Embed or mount?', 'Embed or mount? '.repeat(60))
    await browser.open(bad)
    const faults = await faultsIn(browser, 'layout')
    for (const fault of [/over a rect/, /wider than the window/, /9\.0 px/])
      assert.ok(
        faults.some((text) => fault.test(text)),
        `${fault}: ${faults}`,
      )
    assert.match((await faultsIn(browser, 'contrast')).join(), /^P soft has 1\.9/)
  })
})
