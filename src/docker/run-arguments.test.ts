import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { engineMissing } from '../../test/fixtures/engine.ts'
import { mountsOf, readRunArguments } from './run-arguments.ts'
import { RUN_OPTIONS_WITH_VALUE, RUN_SHORT_OPTIONS, RUN_SWITCHES } from './run-options.ts'

const LINES: readonly (readonly [line: string, image: string, at: number])[] = [
  ['my_ml_app', 'my_ml_app', 0],
  ['-d -p 8000:8000 my_ml_app:latest', 'my_ml_app:latest', 3],
  ['-p8000:8000 --rm my_ml_app', 'my_ml_app', 2],
  ['-itp 8000:8000 my_ml_app sh -c ls', 'my_ml_app', 2],
  ['-it=false my_ml_app', 'my_ml_app', 1],
  ['--rm=false --name=app my_ml_app', 'my_ml_app', 2],
  ['--name app -e A=b localhost:5000/team/app:v1 --model x', 'localhost:5000/team/app:v1', 4],
  ['--gpus all my_ml_app', 'my_ml_app', 2],
  ['--init my_ml_app all', 'my_ml_app', 1],
  ['-d -- my_ml_app -d', 'my_ml_app', 2],
  ['--env -x my_ml_app', 'my_ml_app', 2],
]

test('the image is the first word that is neither an option nor the value of one', () => {
  for (const [line, image, imageAt] of LINES) {
    const { options: _, optionsEnd, ...read } = readRunArguments(line.split(' '))
    assert.deepEqual(read, { image, imageAt }, line)
    assert.equal(optionsEnd, line.includes(' -- ') ? imageAt - 1 : imageAt, line)
  }
})

test('options are told by their long names, with their values', () => {
  const { options } = readRunArguments(
    '-itv ./a:/b --mount=type=tmpfs,dst=/c --privileged -u=1000 app'.split(' '),
  )
  assert.deepEqual(
    options.map(({ name, value }) => `${name} ${value}`),
    [
      'interactive true',
      'tty true',
      'volume ./a:/b',
      'mount type=tmpfs,dst=/c',
      'privileged true',
      'user 1000',
    ],
  )
})

test('an option that is not known asks for the image by name, and with it is passed over', () => {
  const args = ['--rm', '--from-the-future', 'value', 'my_ml_app', 'serve']
  assert.throws(() => readRunArguments(args), {
    code: 'USAGE',
    message: /--from-the-future/,
    hint: /--image/,
  })
  assert.equal(readRunArguments(args, { image: 'my_ml_app' }).imageAt, 3)
  assert.throws(() => readRunArguments(['-Zd', 'my_ml_app']), { code: 'USAGE' })
})

test('arguments without an image, and an image that is not among them, are refused', () => {
  for (const args of [[], ['-d'], ['-p', '8000:8000'], ['-p'], ['--']]) {
    assert.throws(() => readRunArguments(args), { code: 'USAGE' }, args.join(' '))
  }
  assert.throws(() => readRunArguments(['-d', 'app'], { image: 'other' }), {
    code: 'USAGE',
    message: /other/,
  })
  assert.throws(() => readRunArguments(['--new', 'app'], { image: 'other' }), {
    code: 'USAGE',
    message: /other/,
  })
})

test('what is mounted is told from every option that mounts', () => {
  const line =
    '-v ./models:/app/models:ro -v cache:/cache/ --mount type=bind,source=/x,target=/data --tmpfs /run:size=1m ' +
    '-v /anonymous --mount type=volume,src=v,dst=/w --mount destination=/z,type=tmpfs app'
  assert.deepEqual(
    mountsOf(readRunArguments(line.split(' ')).options).map(({ target }) => target),
    ['/app/models', '/cache', '/data', '/run', '/anonymous', '/w', '/z'],
  )
})

test('every option that docker run --help lists is in the table, with a value or without', {
  skip: engineMissing(),
}, () => {
  const help = execFileSync('docker', ['run', '--help'], { encoding: 'utf8' })
  const listed = [...help.matchAll(/^ {2}(?:-(\w),| {3}) --([\w-]+)(?: (\S+))?/gm)]
  assert.ok(listed.length > 90, help)
  for (const [line, short, name = '', type] of listed) {
    assert.equal(RUN_OPTIONS_WITH_VALUE.includes(name), type !== undefined, line)
    assert.equal(RUN_SWITCHES.includes(name), type === undefined, line)
    if (short !== undefined) assert.equal(RUN_SHORT_OPTIONS[short], name, line)
  }
})
