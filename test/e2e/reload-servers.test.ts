import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type ModelServer, startServing, startTriton } from '../doubles/model-servers.ts'
import { ask, run, start } from '../fixtures/command.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'
import { eventually } from '../fixtures/wait.ts'

const SERVERS: readonly {
  readonly layout: 'triton' | 'tfserving'
  readonly file: string
  readonly open: (t: TestContext, repository: string) => Promise<ModelServer>
}[] = [
  { layout: 'triton', file: 'model.onnx', open: startTriton },
  { layout: 'tfserving', file: 'saved_model.pb', open: startServing },
]

for (const { layout, file, open } of SERVERS) {
  test(`${layout}: a version is served under its number, and one that the server cannot load is put back`, async (t) => {
    const directory = await temporaryDirectory(t)
    const options = { store: join(directory, 'store'), cwd: directory }
    const target = join(directory, 'repository')
    let added = 0
    const add = async (behaviour: string): Promise<void> => {
      const contents = { behaviour, [file]: `model ${++added}` }
      await ask(
        ['add', 'team/sentiment:prod', await writeFiles(join(directory, `${added}`), contents)],
        options,
      )
    }
    await add('good')
    const mount = ['mount', 'team/sentiment:prod', target, '--follow', '--layout', layout]
    await ask([...mount, '--once'], options)
    const server = await open(t, target)
    await server.poll()
    assert.equal(server.served.get('sentiment'), 1)
    const follower = start([...mount, '--reload', `${layout}:${server.url}`, '--within', '10s'], options)
    t.after(follower.kill)
    await eventually(async () => assert.match(follower.stdout(), /sentiment:1 is there already/))
    // TensorFlow Serving looks for itself.
    const polling = setInterval(() => void (layout === 'tfserving' && server.poll()), 100)
    t.after(() => clearInterval(polling))
    await add('good')
    await eventually(async () => assert.match(follower.stdout(), /sentiment:2 is served/))
    await add('fails')
    await eventually(async () =>
      assert.match(
        follower.stdout(),
        /sentiment:3 failed: .*sentiment 3 has no signature.*; .*sentiment:2 put back/,
      ),
    )
    assert.equal(server.served.get('sentiment'), 2)
    const checked = await run(['check', target], options)
    assert.match(checked.stdout, /sentiment:3 was put back: .*has no signature/, checked.stderr)
    await add('good')
    await eventually(async () => assert.match(follower.stdout(), /sentiment:4 is served/))
    assert.equal(server.served.get('sentiment'), 4)
  })
}
