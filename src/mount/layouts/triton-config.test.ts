import assert from 'node:assert/strict'
import { test } from 'node:test'
import { labelFiles, modelName, namesVersions } from './triton-config.ts'

const WHOLE = `
# name: "in a comment"
platform: "onnxruntime_onnx"
input [
  { name: "ids" data_type: TYPE_INT64 dims: [ -1 ] },
  { name: "mask" }
]
output { name: "probabilities" label_filename: "labels.txt" }
output { name: "topics" label_filename: 'topics.txt' }
parameters: { key: "note" value: { string_value: "} name: \\"quoted\\" {" } }
name: "sentiment" # the model
version_policy: { latest: { num_versions: 2 } }
`

test('the name of the model is the one at the top, whatever else has a name', () => {
  assert.equal(modelName(WHOLE), 'sentiment')
  const names: readonly (readonly [config: string, name: string | undefined])[] = [
    ['', undefined],
    ['backend: "python"', undefined],
    ['input [{ name: "IN" }]', undefined],
    ['input < name: "IN" >', undefined],
    ['# name: "x"', undefined],
    ['default_model_filename: "model.onnx"', undefined],
    ["name:'single'", 'single'],
    ['backend:"python",name : "one"', 'one'],
    ['input { name: "IN" }name: "last"', 'last'],
    ['name: "hash # inside"', 'hash # inside'],
    ['name: "not closed', undefined],
  ]
  for (const [config, name] of names) assert.equal(modelName(config), name, config)
})

test('which files go with it, and whether it names versions', () => {
  assert.deepEqual(labelFiles(WHOLE), ['labels.txt', 'topics.txt'])
  assert.deepEqual(labelFiles('# label_filename: "x"\noutput { label_filename: "../up.txt" }'), [])
  assert.equal(namesVersions(WHOLE), false)
  assert.equal(namesVersions('version_policy: { specific: { versions: [1, 3] } }'), true)
  assert.equal(namesVersions('version_policy {\n  specific { versions: 1 }\n}'), true)
  assert.equal(namesVersions('# version_policy: { specific: {} }'), false)
})
