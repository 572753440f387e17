import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addVersion, temporaryStore } from '../../test/fixtures/store.ts'
import { resolveVersion } from './resolve.ts'
import { planEvaluation } from './run-evaluation.ts'
import type { PlacedModel } from './run-request.ts'

const plan = (args: string, { metrics = '/tmp/m.json', models = [] as readonly PlacedModel[] } = {}) =>
  planEvaluation({ args: args.split(' '), image: undefined, metrics }, models)

test('the container is labelled and stays until it has been read; what runs in it is kept without secrets', () => {
  for (const [line, removes] of [
    ['--rm -- app python eval.py --token t', true],
    ['--rm=false app python eval.py --token t', false],
    ['-it app python eval.py --token t', false],
  ] as const) {
    const { args, evaluation } = plan(line)
    const before = line.slice(0, line.search(/ (?:-- )?app/)).split(' ')
    assert.deepEqual(args.slice(0, before.length + 3), [...before, '--rm=false', '--label', evaluation.label])
    assert.equal(args.slice(before.length + 3).join(' '), line.slice(before.join(' ').length + 1))
    assert.equal(evaluation.removes, removes, line)
    assert.deepEqual(evaluation.run.command, ['python', 'eval.py', '--token', '***'])
  }
})

test('refused: what docker does not wait for, what is no path in the container', () => {
  for (const args of ['-d app', '-itd app', '--detach=true app', '--restart always app'])
    assert.throws(
      () => plan(args),
      { code: 'USAGE', message: /the end of the evaluation is not waited for/ },
      args,
    )
  for (const args of ['-d=false app', '-d --detach=false app', '--restart no app']) plan(args)
  for (const metrics of ['', 'm.json', './m.json', '/', '/tmp/../m.json', '/tmp/'])
    assert.throws(() => plan('app', { metrics }), { code: 'USAGE', message: /no path of a file/ }, metrics)
})

test('refused: a version beside itself, whatever it is called', async (t) => {
  const store = await temporaryStore(t)
  await addVersion(store, 'm:prod', { w: '1' })
  const at = async (ref: string, path: string): Promise<PlacedModel> => ({
    resolved: await resolveVersion(store, ref),
    path,
  })
  const models = [await at('m:1', '/a'), await at('m:prod', '/b')]
  assert.throws(() => plan('app', { models }), { message: /models at \/a and \/b are the same version/ })
})
