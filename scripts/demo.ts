import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { parseSize, writeRandomFile } from '../bench/harness.ts'
import { runLoad } from '../bench/load.ts'
import { exportModel } from '../examples/sentiment/export-model.ts'
import { buildBaseImage, pullImage } from './demo/image.ts'
import { bytes, heading, say, shown, table, time } from './demo/narrate.ts'
import { BALLAST_COMMAND, createSandbox, REPOSITORY, type Sandbox } from './demo/sandbox.ts'
import { type Answer, predict, startService, untilVersion } from './demo/service.ts'

const { values: flags } = parseArgs({ options: { size: { type: 'string', default: '512MiB' } } })
const SIZE = parseSize(flags.size)
/** AFINN-111 has `futile` as positive, by mistake; AFINN-165 has put it right. */
const SENTENCE = 'What a futile effort'
const IMAGE = 'sentiment-api'
const EXAMPLE = join(REPOSITORY, 'examples', 'sentiment', 'server.ts')

const sandbox = await createSandbox()
const interrupted = new Promise<never>((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => reject(new Error(`stopped by ${signal}`)))
})
try {
  await Promise.race([story(sandbox), interrupted])
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
} finally {
  await sandbox.close()
}

async function story({ ballast, start, directory }: Sandbox): Promise<void> {
  const run = async (command: string, failing = false): Promise<number> => {
    const { stdout, stderr, ms } = await ballast(command.split(' '), { failing })
    shown(`ballast ${command}`, stdout + (failing ? stderr : ''))
    return ms
  }
  const models = join(directory, 'models')

  heading(`1. A trained model goes into the store`)
  say(
    `AFINN-111, a sentiment lexicon, as safetensors and vocabulary; beside it ${bytes(SIZE)} of generated weights`,
  )
  await exportModel(models, 1)
  await writeRandomFile(join(models, 'embeddings.bin'), { size: SIZE, seed: 1 })
  const added = await run('add sentiment:prod ./models')

  heading('2. Embedded: the model becomes layers of the application image, without a build')
  const base = await buildBaseImage(directory)
  say(
    `${base.replace(directory, '.')} is what \`docker build\` made of examples/sentiment: the code, no model`,
  )
  const registry = await start([BALLAST_COMMAND, 'serve', '--registry', '--listen', '127.0.0.1:0'], {
    ready: /http:\/\/127\.0\.0\.1:(\d+)/,
  })
  const [url = '', port = ''] = registry.match
  shown('ballast serve --registry', registry.lines.join('\n'))
  const image = `127.0.0.1:${port}/${IMAGE}:latest`
  const embedFirst = await run(`embed sentiment:prod=/app/models oci:./base-image:base -t ${image}`)
  const place = { root: join(directory, 'container'), cache: join(directory, 'node-cache') }
  const pullFirst = await pullImage({ registry: url, name: IMAGE, tag: 'latest' }, place)
  say(`pulled back and unpacked as a node does it: ${bytes(pullFirst.bytes)} in ${time(pullFirst.ms)}`)
  const inImage = {
    program: join(place.root, 'app', 'server.ts'),
    modelPath: join(place.root, 'app', 'models'),
  }
  let embedded = await startService(sandbox, inImage)
  const embedStart = embedded.startMs
  answered('image', await predict(embedded.url, SENTENCE))

  heading('3. Mounted: the same version in a directory, for `docker run -v`')
  const mounted = await start([BALLAST_COMMAND, 'mount', 'sentiment:prod', './mounted', '--follow'], {
    ready: /sentiment:1/,
  })
  shown('ballast mount sentiment:prod ./mounted --follow &', mounted.lines.join('\n'))
  const mountFirst = Number(/(\d+(?:\.\d+)?) (ms|s)$/m.exec(mounted.lines.join('\n'))?.[1] ?? 0)
  const mountUnit = / s$/m.test(mounted.lines.join('\n')) ? 1000 : 1
  const service = await startService(sandbox, {
    program: EXAMPLE,
    modelPath: join(directory, 'mounted', 'sentiment'),
  })
  answered('mount', await predict(service.url, SENTENCE))

  heading('4. A new version, AFINN-165, replaces the old one both ways')
  await exportModel(models, 2)
  await writeRandomFile(join(models, 'embeddings.bin'), { size: SIZE, seed: 2 })
  const addedNext = await run('add sentiment ./models')
  await run('diff sentiment:1 sentiment:2')
  const ending = new AbortController()
  const traffic = runLoad({ url: `${service.url}/predict?text=futile`, rate: 200, signal: ending.signal })
  await pause(1000)
  await run('tag sentiment:2 prod')
  const mountSwap = await untilVersion(service.url, 2)
  await pause(1000)
  ending.abort()
  const load = await traffic
  say(`the running service answers from version 2 after ${time(mountSwap)}, without a restart`)
  say(
    `meanwhile ${load.ok} requests were answered and ${load.failed} failed: ${describeVersions(load.versions)}`,
  )
  const embedNext = await run(`embed sentiment:prod ${image} -t ${image}`)
  await embedded.stop()
  const pullNext = await pullImage({ registry: url, name: IMAGE, tag: 'latest' }, place)
  say(`the node pulls only what changed: ${bytes(pullNext.bytes)} in ${time(pullNext.ms)}`)
  embedded = await startService(sandbox, inImage)
  answered('image', await predict(embedded.url, SENTENCE))
  answered('mount', await predict(service.url, SENTENCE))

  heading('5. A third version changes only the lexicon: the weights stay where they are')
  await exportModel(models, 3)
  await run('add sentiment ./models')
  await run('tag sentiment:3 prod')
  const smallSwap = await untilVersion(service.url, 3)
  const embedSmall = await run(`embed sentiment:prod ${image} -t ${image}`)
  await embedded.stop()
  const pullSmall = await pullImage({ registry: url, name: IMAGE, tag: 'latest' }, place)
  say(`the node pulls ${bytes(pullSmall.bytes)} in ${time(pullSmall.ms)}`)
  embedded = await startService(sandbox, inImage)
  answered('image', await predict(embedded.url, SENTENCE))
  answered('mount', await predict(service.url, SENTENCE))

  heading('6. A damaged blob is refused, and the message says how to mend it')
  const { files } = JSON.parse((await ballast(['show', 'sentiment:2', '--json'])).stdout) as {
    files: StoredFile[]
  }
  const victim = files.find((file) => file.path === 'embeddings.bin') as StoredFile
  await flipByte(join(directory, 'store', 'blobs', 'sha256', victim.digest.slice(7)))
  say(`one byte of the stored ${victim.path} flipped on disk`)
  await run('mount sentiment:2 ./elsewhere', true)
  await run('add sentiment ./models')
  await run('mount sentiment:2 ./elsewhere')
  await run('check ./elsewhere --full')

  heading('7. And back again, both ways')
  await run('rollback sentiment:prod')
  const mountBack = await untilVersion(service.url, 2)
  const imageBack = await run(`rollback ${image}`)
  await embedded.stop()
  const pullBack = await pullImage({ registry: url, name: IMAGE, tag: 'latest' }, place)
  embedded = await startService(sandbox, inImage)
  answered('image', await predict(embedded.url, SENTENCE))
  answered('mount', await predict(service.url, SENTENCE))
  await run(`history ${image}`)

  heading('Side by side, as just measured')
  table([
    ['', 'embedded', 'mounted'],
    ['into the store, first version', time(added), 'the same'],
    ['into the store, next version', time(addedNext), 'the same'],
    [
      'first delivery',
      `${time(embedFirst)} embed + ${time(pullFirst.ms)} pull`,
      time(mountFirst * mountUnit),
    ],
    ['bytes to a node, first version', bytes(pullFirst.bytes), `${bytes(SIZE)} copied`],
    [
      'new version until it serves',
      `${time(embedNext)} embed + ${time(pullNext.ms)} pull + restart`,
      `${time(mountSwap)}, no restart`,
    ],
    ['bytes to a node, new version', bytes(pullNext.bytes), `${bytes(SIZE)} copied on the same host`],
    [
      'small change until it serves',
      `${time(embedSmall)} embed + ${time(pullSmall.ms)} pull + restart`,
      `${time(smallSwap)}, no restart`,
    ],
    ['bytes to a node, small change', bytes(pullSmall.bytes), `${bytes(SIZE)} copied on the same host`],
    [
      'rollback until it serves',
      `${time(imageBack)} + ${time(pullBack.ms)} pull + restart`,
      `${time(mountBack)}, no restart`,
    ],
    ['start of the service', time(embedStart), time(service.startMs)],
    ['disk of the container image', bytes(SIZE), 'only the code'],
  ])
  await Promise.all([embedded.stop(), service.stop(), mounted.stop(), registry.stop()])
}

function answered(where: string, { label, score, model }: Answer): void {
  say(
    `the service on the ${where}: “${SENTENCE}” is ${label} (${score.toFixed(1)}), says version ${model?.number}`,
  )
}

function describeVersions(versions: Readonly<Record<string, number>>): string {
  return Object.entries(versions)
    .map(([version, count]) => `${count} by version ${version.split(' ')[0]}`)
    .join(', ')
}

interface StoredFile {
  readonly path: string
  readonly digest: string
}

async function flipByte(path: string): Promise<void> {
  const handle = await open(path, 'r+')
  const byte = Buffer.alloc(1)
  await handle.read(byte, 0, 1, 1000)
  byte[0] = (byte[0] ?? 0) ^ 1
  await handle.write(byte, 0, 1, 1000)
  await handle.close()
}
