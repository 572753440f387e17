import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { COMMAND } from '../fixtures/command.ts'
import { missingParts } from '../fixtures/parts.ts'
import { addVersion, temporaryStore } from '../fixtures/store.ts'

/** A directory to type commands in, with files and a store whose names a shell would run, were they not quoted. */
interface Place {
  readonly directory: string
  readonly env: NodeJS.ProcessEnv
}

const HOSTILE = '$(touch pwned);`touch pwned` &'

async function createPlace(t: TestContext): Promise<Place> {
  const store = await temporaryStore(t)
  await addVersion(store, 'sentiment:prod', { 'a.bin': '1' })
  const { digest } = await addVersion(store, 'sentiment:staging', { 'a.bin': '2' }).then(
    ({ version }) => version,
  )
  const directory = join(store.root, '..', 'work')
  const bin = join(directory, 'bin')
  await mkdir(join(directory, 'models', HOSTILE), { recursive: true })
  await mkdir(bin)
  await writeFile(join(directory, 'models', 'my model.bin'), '')
  await writeFile(join(bin, 'ballast'), `#!/bin/sh\nexec '${process.execPath}' '${COMMAND}' "$@"\n`, {
    mode: 0o755,
  })
  {
    await using session = await store.begin()
    const use = { model: 'sentiment' as never, digest, number: 2, reference: 'sentiment:2', host: hostname() }
    await store.uses.record(session, { ...use, kind: 'target', place: `/srv/${HOSTILE}` })
  }
  return {
    directory,
    env: {
      ...process.env,
      PATH: `${bin}${delimiter}${process.env.PATH}`,
      BALLAST_STORE: store.root,
      HOME: directory,
      HISTFILE: '/dev/null',
      ZDOTDIR: directory,
      TERM: 'xterm',
    },
  }
}

/** What the command is given where these lines are typed in a terminal; the shell's own settings end with `GOT`. */
async function type(
  { directory, env }: Place,
  shell: string,
  lines: readonly string[],
): Promise<readonly string[]> {
  const child = spawn('script', ['-qec', shell, '/dev/null'], {
    cwd: directory,
    env,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const printed = text(child.stdout)
  child.stdin.end([...lines, 'exit', ''].join('\n'))
  return [...(await printed).matchAll(/^GOT(.*)$/gm)].map(([, got = '']) => got.trimEnd())
}

/** Completion asks the command itself, a line that is entered only shows what came of it. */
const SHOW = `ballast() { printf GOT; printf '<%s>' "$@"; echo; }\n`

const TYPED = [
  'ballast sho\tsen\t:pr\t',
  'ballast mount --layout=tf\t',
  'ballast scan models/m\t',
  'ballast scan models/\\$\t',
  'ballast unmount /srv/\t',
]
const GIVEN = [
  '<show><sentiment:prod>',
  '<mount><--layout=tfserving>',
  '<scan><models/my model.bin>',
  `<scan><models/${HOSTILE}/>`,
  `<unmount></srv/${HOSTILE}>`,
]

test('bash completes verbs, references, choices and files, and runs nothing of what it finds', {
  skip: missingParts('bash', 'script'),
}, async (t) => {
  const place = await createPlace(t)
  const settings = `bind 'set bell-style none'\nbind 'set enable-bracketed-paste off'\nsource <(command ballast completion bash)\n`
  await writeFile(join(place.directory, '.bashrc'), `${settings}${SHOW}`)
  assert.deepEqual(await type(place, 'bash --noprofile -i', TYPED), GIVEN)
  assert.deepEqual((await readdir(place.directory)).sort(), ['.bashrc', 'bin', 'models'])
})

test('zsh does, too', { skip: missingParts('zsh', 'script') }, async (t) => {
  const place = await createPlace(t)
  const settings =
    'unsetopt beep prompt_cr prompt_sp\nautoload -U compinit\ncompinit -u -D\nsource <(command ballast completion zsh)\n'
  await writeFile(join(place.directory, '.zshrc'), `${settings}${SHOW}`)
  // What it adds behind a directory it takes away again when the line is entered.
  const given = GIVEN.map((line) => line.replace('/>', '>'))
  assert.deepEqual(await type(place, 'zsh -d -i', TYPED), given)
  assert.deepEqual((await readdir(place.directory)).sort(), ['.zshrc', 'bin', 'models'])
})

test('fish does, too', { skip: missingParts('fish') }, async (t) => {
  const { directory, env } = await createPlace(t)
  const script = `command ballast completion fish | source
    for line in 'ballast sho' 'ballast show sentiment:p' 'ballast mount --layout=tf' 'ballast scan models/m' 'ballast unmount /srv/'
      complete -C $line
    end`
  const child = spawn('fish', ['--no-config', '-c', script], {
    cwd: directory,
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const words = (await text(child.stdout)).split('\n').map((line) => line.split('\t')[0])
  assert.deepEqual(words, [
    'show',
    'sentiment:prod',
    '--layout=tfserving',
    'models/my model.bin',
    `/srv/${HOSTILE}`,
    '',
  ])
  assert.ok(!(await readdir(directory)).includes('pwned'))
})
