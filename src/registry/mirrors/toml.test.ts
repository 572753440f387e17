import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isBallastError } from '../../core/index.ts'
import { parseToml } from './toml.ts'

async function plain(text: string): Promise<unknown> {
  return JSON.parse(JSON.stringify(await parseToml(text)))
}

test('a file as Podman has it is read', async () => {
  const text = [
    '# comment',
    'unqualified-search-registries = [',
    "  'docker.io', # first",
    '  "quay.io",',
    ']',
    'short-name-mode = "enforcing" # comment',
    '',
    '[[registry]]\r',
    'prefix = "example.com/foo"',
    '  insecure = false',
    'location="internal.example:5000/bar"',
    '[[registry.mirror]]',
    'location = "one.example" ',
    '[[ registry . mirror ]]',
    'location = "two.example"',
    'insecure = true',
    '[[registry]]',
    'location = "other.example"',
    '[aliases]',
    '"alpine" = "docker.io/library/alpine"',
    'a.b."c d" = 1979-05-27T07:32:00Z',
    'inline = { x = 1, y.z = [ [1, 2], {} ] }',
  ].join('\n')
  assert.deepEqual(await plain(text), {
    'unqualified-search-registries': ['docker.io', 'quay.io'],
    'short-name-mode': 'enforcing',
    registry: [
      {
        prefix: 'example.com/foo',
        insecure: false,
        location: 'internal.example:5000/bar',
        mirror: [{ location: 'one.example' }, { location: 'two.example', insecure: true }],
      },
      { location: 'other.example' },
    ],
    aliases: {
      alpine: 'docker.io/library/alpine',
      a: { b: { 'c d': '1979-05-27T07:32:00.000Z' } },
      inline: { x: 1, y: { z: [[1, 2], {}] } },
    },
  })
})

test('strings of all four kinds', async () => {
  const text = String.raw`
a = "tab\t quote\" \u00e9 \U0001F600 \\"
b = 'C:\raw'
c = """
two
lines \
   joined ""quoted"""""
d = '''
raw \n'''
e = ""
f = ''`
  assert.deepEqual(await plain(text), {
    a: 'tab\t quote" é 😀 \\',
    b: String.raw`C:\raw`,
    c: 'two\nlines joined ""quoted""',
    d: String.raw`raw \n`,
    e: '',
    f: '',
  })
})

test('what cannot be understood is refused with its line', async () => {
  for (const [line, text] of [
    [1, 'a = '],
    [2, 'a = 1\nb = maybe'],
    [1, 'a = "open'],
    [1, 'a = "x" b = 2'],
    [2, '[a]\n= 2'],
    [1, '[a'],
    [2, 'a = 1\na = 2'],
    [2, 'a = 1\n[a]'],
    [2, 'a = 1\n[[a]]'],
    [1, String.raw`a = "\q"`],
    [1, 'a = [1, 2'],
    [1, `a = ${'['.repeat(100_000)}`],
  ] as const) {
    await assert.rejects(parseToml(text), (error) => {
      assert.ok(isBallastError(error, 'REFUSED'), text)
      assert.match(error.message, new RegExp(`^line ${line}: [^\n]+$`), text)
      return true
    })
  }
})

test('a key called __proto__ is a key', async () => {
  const table = await parseToml('__proto__ = true\n[constructor]\nx = 1')
  assert.equal(Object.getPrototypeOf({}), Object.prototype)
  assert.deepEqual(Object.keys(table), ['__proto__', 'constructor'])
})
