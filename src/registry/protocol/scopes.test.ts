import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergeScopes, parseScopes, pullScope, pushScope } from './scopes.ts'

test('a resource stands once, with all of its actions, and the first stays first', () => {
  assert.deepEqual(mergeScopes([pushScope('b'), pullScope('a'), pullScope('b'), 'repository:a:push']), [
    'repository:b:pull,push',
    'repository:a:pull,push',
  ])
  assert.deepEqual(mergeScopes(['repository:localhost:5000/a:pull', 'repository:localhost:5000/a:delete']), [
    'repository:localhost:5000/a:pull,delete',
  ])
})

test('a challenge names several with spaces between them', () => {
  assert.deepEqual(parseScopes(' repository:a:pull  repository:b:pull,push junk'), [
    'repository:a:pull',
    'repository:b:pull,push',
  ])
  assert.deepEqual(parseScopes(undefined), [])
})
