import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkTo } from './links.ts'

test('the next page in a Link header', () => {
  assert.equal(
    linkTo('next', '<https://a.example/t?cursor=a,b>; rel="next"'),
    'https://a.example/t?cursor=a,b',
  )
  assert.equal(linkTo('next', '</first>; rel=first, </2>; title="x"; rel="prev next"'), '/2')
  assert.equal(linkTo('next', '</1>; rel="first"'), undefined)
  assert.equal(linkTo('next', undefined), undefined)
})
