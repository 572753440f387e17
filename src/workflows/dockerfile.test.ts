import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readDockerfile } from './dockerfile.ts'
import { modelNameFrom, placesInDockerfile } from './model-place.ts'

const places = (text: string): readonly string[] =>
  placesInDockerfile(readDockerfile(text), 'Dockerfile').map(({ path, file }) =>
    `${path} ${file ?? ''}`.trim(),
  )

test('the place of the model is told from COPY lines as people write them', () => {
  const cases: Readonly<Record<string, readonly string[]>> = {
    'FROM a\nCOPY models/ /app/models/': ['/app/models'],
    'FROM a\nWORKDIR /app\nCOPY models ./models': ['/app/models'],
    'FROM a\nWORKDIR /app\nCOPY ./models models/': ['/app/models'],
    'FROM a\nWORKDIR /srv/app\nCOPY sentiment_model.pkl .': ['/srv/app sentiment_model.pkl'],
    'FROM a\nADD --chown=1000:1000 m.onnx /opt/m.onnx': ['/opt m.onnx'],
    'FROM a\nCOPY ["model.safetensors", "/app/models/"]': ['/app/models model.safetensors'],
    'FROM a\ncopy serve.py \\\n  # the weights\n  weights/ \\\n  /app/weights/': ['/app/weights'],
    'FROM b AS train\nCOPY models /models\nFROM a\nCOPY --from=train /models /app/models': ['/app/models'],
    'FROM a\nVOLUME ["/app/models"]': ['/app/models'],
    'FROM a\nENV MODEL_PATH=/data/m/sentiment.gguf PORT=8000': ['/data/m sentiment.gguf'],
    'FROM a\nENV MODEL_DIR /data/m': ['/data/m'],
  }
  for (const [text, expected] of Object.entries(cases)) assert.deepEqual(places(text), expected, text)
})

test('what brings no model along is no place of one', () => {
  const lines = [
    'COPY . .',
    'COPY serve.py /app/',
    'COPY remodel.py requirements.txt ./',
    'RUN cp models /app/models',
    'ENV PATH=/usr/bin',
    'VOLUME /data',
    '# COPY models /app/models',
  ]
  for (const line of lines) assert.deepEqual(places(`FROM a\nWORKDIR /app\n${line}`), [], line)
})

test('only the last stage counts, lines are joined, and anything at all is read without an error', () => {
  const read = readDockerfile('FROM b\nWORKDIR /x\nEXPOSE 1\nFROM a\nWORKDIR app\nEXPOSE 8000/tcp 9000\n')
  assert.deepEqual([read.workdir, read.ports], ['/app', ['8000', '9000']])
  for (const text of ['', 'FROM', 'COPY', 'COPY [', 'COPY ["a"]', 'VOLUME [1]', '\\', 'ENV =', 'COPY a']) {
    assert.deepEqual(readDockerfile(text).copies, [], text)
  }
})

test('a model is named after its file, without what every file is called', () => {
  assert.equal(modelNameFrom('sentiment_model.pkl'), 'sentiment')
  assert.equal(modelNameFrom('Fraud-Detector.v2.onnx'), 'fraud-detector-v2')
  assert.equal(modelNameFrom('model.safetensors'), undefined)
})
