import assert from 'node:assert/strict'
import { test } from 'node:test'
import { copySteps } from './copy-steps.ts'

test('a copy to the path or into it is a line to delete', () => {
  const lines = [
    'FROM scratch',
    'COPY models /app/models',
    'ADD more.pkl /app/models/',
    'COPY a /app/models2',
  ]
  assert.deepEqual(copySteps(lines, '/app/models'), [
    'delete the line `COPY models /app/models`',
    'delete the line `ADD more.pkl /app/models/`',
  ])
})

test('a copy of everything keeps, with the model named in .dockerignore', () => {
  assert.deepEqual(copySteps(['WORKDIR /app', 'COPY . .'], '/app/models'), [
    'keep the model out of `COPY . .` by naming its directory in .dockerignore',
  ])
})

test('relative destinations are below WORKDIR, and a relative WORKDIR is below the one before', () => {
  const lines = ['WORKDIR /srv', 'WORKDIR app', 'COPY m models', 'WORKDIR /', 'COPY m models']
  assert.deepEqual(copySteps(lines, '/srv/app/models'), ['delete the line `COPY m models`'])
})
