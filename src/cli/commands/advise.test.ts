import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Session } from '../session.ts'
import { verb } from './advise.ts'

test('a registry that nothing would be sent to is refused', async () => {
  const run = verb.run({} as Session, undefined, { size: '2GB', registry: 'localhost:5000/x' })
  await assert.rejects(run, { code: 'USAGE', message: /--registry without --measure/ })
})

test('every heading of the help stands above an option that there is', () => {
  const flags = (verb.options ?? []).map(([name]) => name.split(' ')[0])
  for (const first of Object.keys(verb.headings ?? {})) assert.ok(flags.includes(first), first)
})
