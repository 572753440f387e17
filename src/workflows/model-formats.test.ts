import assert from 'node:assert/strict'
import { glob, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { isBallastError } from '../core/index.ts'
import { MODEL_FORMATS, requireKnownFormats } from './model-formats.ts'

const SOURCES = join(import.meta.dirname, '..')
/** No models, or parts of one that count as it. */
const NO_MODELS = ['plain', 'lfs-pointer', 'onnx-data', 'tensorflow-variables', 'program', 'template']

function refusal(...formats: readonly string[]): readonly (string | undefined)[] {
  try {
    requireKnownFormats(formats, 'policy.yaml')
    return []
  } catch (error) {
    assert.ok(isBallastError(error, 'USAGE'))
    return [error.message, error.hint]
  }
}

describe('MODEL_FORMATS', () => {
  it('has every name that files are given, and no other', async () => {
    const files = ['formats/*.ts', 'scan/formats/*.ts', 'scan/{compressed,pickle,zip}/{scan-*,kind}.ts']
    const named = new Set<string>()
    let source = ''
    for await (const file of glob(files, { cwd: SOURCES })) {
      if (file.endsWith('.test.ts')) continue
      const text = await readFile(join(SOURCES, file), 'utf8')
      source += text
      // What else is returned there tells how the names in a zip differ.
      const said = file.endsWith('scan-zip.ts')
        ? /return '(zip)'/g
        : /(?:format: |return )'([a-z][a-z0-9-]+)'/g
      for (const [, name = ''] of text.matchAll(said)) named.add(name)
    }
    assert.ok(named.size > 10)
    assert.deepEqual(
      [...named].filter((name) => !NO_MODELS.includes(name) && !MODEL_FORMATS.includes(name)),
      [],
    )
    assert.deepEqual(
      MODEL_FORMATS.filter((name) => !source.includes(`'${name}'`)),
      [],
    )
  })
})

describe('requireKnownFormats', () => {
  it('takes what is known, and names what is near to what is not', () => {
    assert.deepEqual(refusal('safetensors', 'onnx'), [])
    assert.deepEqual(refusal('safetensors', 'safetensor'), [
      'policy.yaml: requires.formats has safetensor, which is no format that is known',
      'did you mean safetensors?',
    ])
    assert.deepEqual(refusal('pytorch')[1], 'did you mean torch?')
    assert.deepEqual(refusal('tensorflow')[1], 'did you mean tensorflow-saved-model or tensorflow-graph?')
    assert.deepEqual(refusal('ggfu')[1], 'did you mean gguf?')
    assert.match(refusal('exe')[1] ?? '', /^there are safetensors, gguf, /)
  })
})
