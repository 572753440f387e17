import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))
const PRINT_LOADED = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module'
  const loaded = []
  registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
  process.on('exit', () => console.log(JSON.stringify(loaded)))
`)}`

function loadedBy(...args: readonly string[]): readonly string[] {
  const output = execFileSync(process.execPath, ['--import', PRINT_LOADED, MAIN, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as readonly string[]
}

test('a verb that only reads the store loads nothing for help, progress, networks or images', async (t) => {
  const store = join(await temporaryDirectory(t), 'store')
  const heavy =
    /\/commander\/|\/undici\/|^node:https?$|\/render\/progress|\/src\/(?:oci|registry|embed|mount|serve|cli\/completion)\/|completion-script/
  const forList = loadedBy('list', '--store', store)
  assert.ok(forList.some((url) => url.includes('/src/store/')))
  assert.deepEqual(
    forList.filter((url) => heavy.test(url)),
    [],
  )
  assert.ok(
    loadedBy('--help').some((url) => heavy.test(url)),
    'what is looked for would be found',
  )
})

test('a hash of a password is one line, which can be added to a file of them', () => {
  const hash = (password: string): string =>
    execFileSync(process.execPath, [MAIN, 'serve', '--hash-password'], {
      encoding: 'utf8',
      input: `${password}\n`,
    })
  assert.match(`${hash('of ann')}${hash('of bob')}`, /^(?:\$scrypt\$[^\n]+\n){2}$/)
})
