import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ShownVersion } from '../../src/workflows/show.ts'
import { ask, type Ran, run } from '../fixtures/command.ts'
import { busyboxImage, docker, engineMissing } from '../fixtures/engine.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const skip = engineMissing()

interface World {
  readonly directory: string
  readonly image: string
  readonly options: { readonly store: string; readonly cwd: string }
  /** Runs a script in a container with `sentiment:1` and `sentiment:2`, as an evaluation. */
  readonly evaluate: (script: string, more?: Partial<Evaluated>) => Promise<Ran>
}

interface Evaluated {
  readonly flags: readonly string[]
  /** Of docker run. */
  readonly args: readonly string[]
  readonly file: string
}

const BOTH = ['--model', 'sentiment:1', '--model', 'sentiment:2']

async function createWorld(t: TestContext): Promise<World> {
  const directory = await temporaryDirectory(t)
  const image = await busyboxImage(t)
  const [name = ''] = image.split(':')
  t.after(async () => {
    const names = await docker(['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}', name])
    for (const each of names.split('\n').filter(Boolean)) await docker(['image', 'rm', '-f', each])
  })
  const options = { store: join(directory, 'store'), cwd: directory }
  for (const figure of ['0.5', '0.75']) {
    await writeFiles(join(directory, 'model'), { figure })
    await ask(['add', 'sentiment', './model'], options)
  }
  const evaluate: World['evaluate'] = (
    script,
    { flags = BOTH, args = ['--rm'], file = '/tmp/metrics.json' } = {},
  ) => {
    const words = ['--network', 'none', ...args, image, 'sh', '-c', script]
    return run(['run', ...flags, '--metrics', file, '--', ...words], options)
  }
  return { directory, image, options, evaluate }
}

const containersOf = (image: string): Promise<string> =>
  docker(['ps', '-aq', '--filter', `ancestor=${image}`])
const shown = ({ options }: World, ref: string) => ask<ShownVersion>(['show', ref], options)

/** One object each, by the directory in which each version is found. */
const WRITE_BY_PATH = `cd /models; printf '{' > /tmp/metrics.json; comma=
for m in *; do printf '%s"/models/%s": {"accuracy": %s}' "$comma" $m $(cat $m/figure) >> /tmp/metrics.json; comma=,; done
printf '}' >> /tmp/metrics.json`

for (const strategy of ['mount', 'embed']) {
  test(`${strategy}: what an evaluation has written is attached to the versions that it compared`, {
    skip,
  }, async (t) => {
    const world = await createWorld(t)
    const { image, options, evaluate } = world
    const flags = [...BOTH, '--strategy', strategy]
    const ran = await evaluate(`: --api-key=abcdef; ${WRITE_BY_PATH}`, { flags })
    assert.equal(ran.code, 0, ran.stderr)
    assert.match(ran.stderr, /sentiment:1 at \/models\/sentiment-1, sentiment:2 at \/models\/sentiment-2/)
    assert.match(ran.stderr, /metrics attached to sentiment:1, sentiment:2/)
    const imageId = await docker(['image', 'inspect', '--format', '{{.Id}}', image])
    for (const [ref, other, accuracy] of [
      ['sentiment:1', 'sentiment:2', 0.5],
      ['sentiment:2', 'sentiment:1', 0.75],
    ] as const) {
      const [measured] = (await shown(world, ref)).metrics
      assert.deepEqual(
        [measured?.by, measured?.beside, measured?.metrics, measured?.run?.image, measured?.run?.imageId],
        ['run', [other], { accuracy }, image, imageId],
      )
      const command = measured?.run?.command.join(' ') ?? ''
      assert.match(command, /^sh -c : --api-key=\*\*\*; cd \/models/)
      const text = (await run(['show', ref], options)).stdout
      assert.match(text, new RegExp(`measured: .*run of ${image}, beside ${other}.* accuracy ${accuracy}`))
    }
    assert.match(
      (await run(['list'], options)).stdout,
      /METRICS[\s\S]* accuracy 0\.5\b[\s\S]* accuracy 0\.75\b/,
    )
    assert.match((await run(['diff', 'sentiment:1', 'sentiment:2'], options)).stdout, /accuracy.*\+0\.25/)
    assert.equal(await containersOf(image), '', 'a container with --rm goes')
  })
}

test('a single model: the metrics themselves, in a directory of the host as well; without --rm the container stays', {
  skip,
}, async (t) => {
  const world = await createWorld(t)
  const { directory, image, evaluate } = world
  const ran = await evaluate('printf \'{"f1": 0.9}\' > /out/new && mv /out/new /out/metrics.json', {
    flags: ['--model', 'sentiment=/app/models'],
    args: ['-v', `${directory}/out:/out`, '--read-only'],
    file: '/out/metrics.json',
  })
  assert.equal(ran.code, 0, ran.stderr)
  const { metrics } = await shown(world, 'sentiment:2')
  assert.deepEqual(
    metrics.map((one) => [one.metrics, one.beside]),
    [[{ f1: 0.9 }, []]],
  )
  assert.notEqual(await containersOf(image), '')
})

test('metrics belong to the versions that ran, wherever their tags have gone meanwhile', {
  skip,
}, async (t) => {
  const world = await createWorld(t)
  const { options, evaluate } = world
  await ask(['tag', 'sentiment:1', 'prod'], options)
  const evaluating = evaluate('sleep 2; echo \'{"accuracy": 0.5}\' > /tmp/metrics.json', {
    flags: ['--model', 'sentiment:prod'],
  })
  while ((await docker(['ps', '-q', '--filter', `ancestor=${world.image}`])) === '');
  await ask(['tag', 'sentiment:2', 'prod'], options)
  assert.equal((await evaluating).code, 0)
  assert.equal((await shown(world, 'sentiment:1')).metrics.length, 1)
  assert.equal((await shown(world, 'sentiment:2')).metrics.length, 0)
})

test('metrics that are missing, partial, invalid or from before are refused with 125, and nothing is attached', {
  skip,
}, async (t) => {
  const world = await createWorld(t)
  const { directory, image, evaluate } = world
  const write = (text: string) => `cat > /tmp/metrics.json <<'E'\n${text}\nE`
  await writeFiles(join(directory, 'out'), { 'metrics.json': '{"accuracy": 1}' })
  const before = { args: ['--rm', '-v', `${directory}/out:/out`], file: '/out/metrics.json' }
  const cases: readonly (readonly [string, RegExp, Partial<Evaluated>?])[] = [
    ['true', /written no file \/tmp\/metrics\.json/],
    [write('{"sentiment:1": {"accuracy": 0.5}'), /holds no metrics/],
    [write('{"sentiment:1": {"accuracy": 0.5}}'), /nothing about sentiment:2/],
    ['true', /from before this run/, { ...before, flags: ['--model', 'sentiment'] }],
  ]
  for (const [script, message, more] of cases) {
    const ran = await evaluate(script, more)
    assert.equal(ran.code, 125, `${script}: ${ran.stderr}`)
    assert.match(ran.stderr, message, script)
    const [, container = ''] = /docker cp (\w+):/.exec(ran.stderr) ?? []
    assert.notEqual(container, '', ran.stderr)
    await docker(['rm', container])
  }
  const failed = await evaluate(`${write('{"sentiment:1": {}, "sentiment:2": {}}')}\nexit 7`)
  assert.equal(failed.code, 7)
  assert.match(failed.stderr, /ended with 7: no metrics attached/)
  for (const ref of ['sentiment:1', 'sentiment:2']) assert.deepEqual((await shown(world, ref)).metrics, [])
  assert.equal(await containersOf(image), '')
})

test('an evaluation that cannot be waited for starts nothing, and a dry run makes none', {
  skip,
}, async (t) => {
  const { image, evaluate } = await createWorld(t)
  for (const [message, more] of [
    [/with --detach the end/, { args: ['-d'] }],
    [/--dry-run starts nothing/, { flags: [...BOTH, '--dry-run'] }],
  ] as const) {
    const ran = await evaluate('true', more)
    assert.equal(ran.code, 125, ran.stderr)
    assert.match(ran.stderr, message)
  }
  assert.equal(await containersOf(image), '')
})
