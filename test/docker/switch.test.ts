import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import type { SwitchResult } from '../../src/workflows/switch/switch.ts'
import { ask, COMMAND } from '../fixtures/command.ts'
import { docker, engineMissing, uniqueName } from '../fixtures/engine.ts'
import { missingParts } from '../fixtures/parts.ts'
import { containersCalled, portOf, served, strategyIn, switchScene } from '../fixtures/switch.ts'
import { writeFiles } from '../fixtures/temporary.ts'

const exec = promisify(execFile)
const skip = engineMissing()
const READY = '{ restart: true, ready: GET http://localhost:8000/models/model.txt, within: 10s }'

test('a mounted model is embedded and mounted again: the container keeps all that it was started with', {
  skip,
}, async (t) => {
  const { directory, options, image, start, declare, switchTo } = await switchScene(t)
  await declare({ image, reload: READY })
  const network = uniqueName('ballast-switch')
  const second = `${network}-2`
  for (const name of [network, second]) {
    await docker(['network', 'create', name])
    t.after(() => docker(['network', 'rm', name]))
  }
  await ask(['mount', 'sentiment:prod', './pinned'], options)
  const given = [
    ...['--network', network, '--network-alias', 'sentiment', '-p', '127.0.0.1:0:8000', '-e', 'COLOUR=blue'],
    ...[
      '--label',
      'team=nlp',
      '--restart',
      'on-failure:3',
      '--memory',
      '64m',
      '-v',
      '/data',
      '--tmpfs',
      '/scratch',
    ],
    ...['--user', '1000:1000', '--hostname', 'serving', '--add-host', 'db:10.0.0.9', '--cap-drop', 'NET_RAW'],
    ...[
      '-v',
      `${directory}/context:/context:ro`,
      '--stop-timeout',
      '2',
      '--log-opt',
      'max-size=1m',
      '--read-only',
    ],
  ]
  const container = await start([...given, '-v', `${directory}/pinned:/app/models:ro`])
  await docker(['network', 'connect', '--alias', 'other', second, container])
  await docker(['exec', '--user', '0', container, 'sh', '-c', 'echo kept > /data/written'])
  const before = await everything(container)
  const port = await portOf(container)

  const shown = await switchTo('embed', '--dry-run')
  assert.deepEqual(
    shown.plan.steps.map(({ do: what }) => what),
    ['embed', 'replace'],
  )
  assert.deepEqual(await everything(container), before)

  const embedded = await switchTo('embed')
  assert.equal(await served(container), 'one')
  const after = await everything(container)
  assert.match(after.image, /:ballast-[0-9a-f]{12}$/)
  assert.deepEqual(without(after), without(before))
  assert.deepEqual(
    after.mounts,
    before.mounts.filter((mount) => !mount.includes('/app/models')),
  )
  assert.equal(await portOf(container), port)
  assert.equal(await docker(['exec', container, 'cat', '/data/written']), 'kept')
  assert.deepEqual(await containersCalled(container), [container])
  assert.ok(embedded.bytesMoved > 0)

  const mounted = await switchTo('mount')
  assert.equal(mounted.bytesMoved, 0)
  assert.equal(await served(container), 'one')
  const again = await everything(container)
  assert.equal(again.image, image)
  assert.deepEqual(without(again), without(before))
  assert.equal(await strategyIn(directory), '{ development: mount,  production: mount }')
  assert.match(
    await readFile(join(directory, 'ballast.yaml'), 'utf8'),
    /^# what runs where\n.*\n.*\n.* {3}# built by hand$/m,
  )

  // The image is there by now, and nothing is left to be sent.
  assert.equal((await switchTo('embed')).bytesMoved, 0)
  const nothing = await switchTo('embed')
  assert.deepEqual([nothing.replaced, nothing.plan.steps], [[], []])
})

interface Everything {
  readonly image: string
  readonly mounts: readonly string[]
  readonly config: Readonly<Record<string, unknown>>
  readonly host: Readonly<Record<string, unknown>>
  readonly networks: unknown
}

async function everything(container: string): Promise<Everything> {
  const [found] = JSON.parse(await docker(['inspect', container]))
  const { Image, Labels, ...config } = found.Config
  const { 'dev.ballast.switch': _switch, 'dev.ballast.models': _models, ...labels } = Labels
  const { Binds, Mounts, PortBindings, ...host } = found.HostConfig
  const networks = Object.entries(found.NetworkSettings.Networks).map(([name, network]) => {
    const { Aliases, IPAMConfig } = network as { Aliases: string[]; IPAMConfig: unknown }
    return [name, Aliases.filter((alias) => !found.Id.startsWith(alias)).sort(), IPAMConfig]
  })
  return {
    image: Image,
    mounts: found.Mounts.map((mount: { Name?: string; Source: string; Destination: string; RW: boolean }) =>
      [mount.Name ?? mount.Source, mount.Destination, mount.RW].join(' '),
    ).sort(),
    config: { ...config, labels },
    host: { ...host, ports: Object.keys(PortBindings) },
    networks: networks.sort(),
  }
}

function without({ image: _image, mounts: _mounts, ...rest }: Everything): object {
  return rest
}

for (const to of ['mount', 'embed'] as const) {
  test(`a model that its Dockerfile copies, to ${to}: it is taken from the image where the store has not got it`, {
    skip,
  }, async (t) => {
    const { options, copied, start, declare, switchTo } = await switchScene(t)
    await declare({ image: copied, reload: READY })
    const inNew = { ...options, store: `${options.store}-new` }
    const container = await start(['-p', '127.0.0.1:0:8000'], copied)
    const switched = await ask<SwitchResult>(['switch', 'api', '--to', to, '--env', 'production'], inNew)
    assert.equal(switched.plan.steps[0]?.do, 'capture')
    assert.match(
      switched.plan.notes.join('\n'),
      /delete the line `COPY models\/ \/app\/models\/|COPY … \/app\/models/,
    )
    assert.equal(await served(container), 'one')
    const [checked] = await ask<readonly { version: string; faults: string[] }[]>(
      ['check', `container:${container}:/app/models`],
      inNew,
    )
    assert.deepEqual([checked?.version, checked?.faults], ['sentiment:1', []])
    assert.equal(await docker(['exec', container, 'cat', '/app/code.txt']), 'code')
    const layers = await docker([
      'image',
      'history',
      '--no-trunc',
      '--format',
      '{{.CreatedBy}}',
      await imageOf(container),
    ])
    assert.equal(/COPY dir:\w+ in \/app\/models|COPY models/.test(layers), to === 'mount')
    // And where it has it, no byte of it is read into the store again.
    const other = to === 'mount' ? 'embed' : 'mount'
    const back = await switchTo(other)
    assert.ok(!back.plan.steps.some(({ do: what }) => what === 'capture'))
    assert.equal(await served(container), 'one')
    assert.equal(await docker(['exec', container, 'cat', '/app/code.txt']), 'code')
  })
}

async function imageOf(container: string): Promise<string> {
  return docker(['inspect', '--format', '{{.Config.Image}}', container])
}

test('each way in which a model may be mounted is seen, and goes', { skip }, async (t) => {
  const { directory, options, image, start, declare, switchTo } = await switchScene(t)
  await declare({ image })
  await ask(['mount', 'sentiment:prod', './live', '--follow', '--once', '--as', 'models'], options)
  const volume = uniqueName('ballast-switch')
  t.after(() => docker(['volume', 'rm', '-f', volume]))
  await ask(['mount', 'sentiment:prod', `volume:${volume}`], options)
  const [parent, named, run] = [
    await start(['--network', 'none', '-v', `${directory}/live:/app:ro`]),
    await start(['--network', 'none', '--mount', `type=volume,source=${volume},target=/app/models`]),
    await start(['--network', 'none', '-v', `${directory}/models:/app/models`]),
  ]
  const files = ['model.txt', 'config'].flatMap((file) => [
    '-v',
    `${directory}/models/${file}:/app/models/${file}:ro`,
  ])
  const single = await start(['--network', 'none', ...files])
  const { plan } = await switchTo('embed')
  const how = new Map(plan.runs.map(({ name, models }) => [name, models[0]]))
  assert.deepEqual(
    [how.get(parent)?.how, how.get(named)?.how, how.get(run)?.how],
    ['directory', 'volume', 'directory'],
  )
  for (const container of [parent, named, run, single]) {
    assert.equal(await served(container), 'one')
    assert.equal(await docker(['inspect', '--format', '{{len .Mounts}}', container]), '0')
  }
})

test('what cannot be switched is refused before anything is touched', { skip }, async (t) => {
  const { directory, options, image, base, start, declare, trySwitch } = await switchScene(t)
  await declare({ image })
  const mounted = ['--network', 'none', '-v', `${directory}/models:/app/models:ro`]
  const refused = async (pattern: RegExp, code: number): Promise<void> => {
    const ran = await trySwitch('embed')
    assert.equal(ran.code, code, ran.stderr)
    assert.match(ran.stderr, pattern)
  }
  await refused(/no container of api runs\n {2}start one: ballast run --strategy embed/, 3)
  const bare = await start(['--network', 'none'])
  await refused(/has no model at \/app\/models/, 3)
  await docker(['rm', '-f', bare])
  const removing = await start(['--rm', ...mounted])
  await refused(/started with --rm[^\n]*\n {2}start it without --rm/, 4)
  await docker(['rm', '-f', removing])
  const task = await start(['--label', 'com.docker.swarm.service.name=web', ...mounted])
  await refused(/belongs to web .*\n {2}docker service update/, 4)
  await docker(['rm', '-f', task])
  const giver = await start(mounted, base)
  const taker = await start(['--network', 'none', '--volumes-from', giver])
  await refused(new RegExp(`${taker} would still have something mounted at /app/models`), 4)
  assert.deepEqual(await containersCalled(taker), [taker])
  await docker(['pause', taker])
  await refused(new RegExp(`${taker} is paused[^\\n]*\\n {2}docker unpause ${taker}`), 4)
  await docker(['rm', '-f', giver, taker])
  const own = await start(mounted)
  const guest = await start(['--network', `container:${own}`], base)
  await refused(new RegExp(`${guest} uses the network of ${own}`), 4)
  await docker(['rm', '-f', guest])
  const watcher = await start(['--network', 'none', '--pid', `container:${own}`], base)
  await refused(new RegExp(`${watcher} uses the processes of ${own}`), 4)
  const without = await ask(['switch', 'api', '--to', 'embed', '--dry-run'], options).catch((error) => error)
  assert.match(String(without), /which one is it/)
  assert.match((await trySwitch('mount', '--to', 'bake')).stderr, /no such strategy/)
  assert.deepEqual(await containersCalled(own), [own])
})

test('two models are moved together, one of them where an embedded model is anyway', { skip }, async (t) => {
  const { directory, options, image, start, switchTo } = await switchScene(t)
  await writeFiles(join(directory, 'other'), { 'other.txt': 'two' })
  await ask(['add', 'team/other:prod', './other'], options)
  const models = ['sentiment:prod, path: /app/models', 'team/other:prod, path: /models/other'].map(
    (one) => `{ ref: ${one} }`,
  )
  await writeFiles(directory, {
    'ballast.yaml': `apps: { api: { image: "${image}", models: [ ${models.join(', ')} ] } }\n`,
  })
  const mounts = ['models:/app/models', 'other:/models/other'].flatMap((one) => [
    '-v',
    `${directory}/${one}:ro`,
  ])
  const container = await start(['--network', 'none', ...mounts])
  for (const [to, count] of [
    ['embed', 0],
    ['mount', 2],
    ['embed', 0],
  ] as const) {
    await switchTo(to)
    assert.equal(await served(container), 'one')
    assert.equal(await docker(['exec', container, 'cat', '/models/other/other.txt']), 'two')
    assert.equal(await docker(['inspect', '--format', '{{len .Mounts}}', container]), `${count}`)
    const label = await docker([
      'inspect',
      '--format',
      '{{index .Config.Labels "dev.ballast.models"}}',
      container,
    ])
    assert.equal(label.includes('"version":1'), to === 'embed')
  }
})

test('a container of the image without a model is left alone, as of somebody who looks around', {
  skip,
}, async (t) => {
  const { directory, image, start, declare, switchTo } = await switchScene(t)
  await declare({ image })
  const around = await start(['--network', 'none'])
  const own = await start(['--network', 'none', '-v', `${directory}/models:/app/models:ro`])
  const { replaced, plan } = await switchTo('embed')
  assert.deepEqual(
    replaced.map(({ name }) => name),
    [own],
  )
  assert.match(plan.notes.join('\n'), new RegExp(`${around} runs the image without a model`))
})

test('an Engine on another machine gets the model in a volume of its own', {
  skip: skip || (process.getuid?.() !== 0 && 'only root can have a host name of its own'),
}, async (t) => {
  const { directory, options, image, start, declare } = await switchScene(t)
  await declare({ image, reload: READY })
  const container = await start(['-p', '127.0.0.1:0:8000', '-v', `${directory}/models:/app/models:ro`])
  const elsewhere = async (to: string): Promise<SwitchResult> => {
    const command = [process.execPath, COMMAND, '--store', options.store, 'switch', 'api', '--to', to]
    const inside = ['--uts', 'sh', '-c', 'hostname elsewhere && exec "$@"', 'sh', ...command]
    const { stdout } = await exec('unshare', [...inside, '--env', 'production', '--json'], {
      cwd: directory,
      env: { ...process.env, ...options.env },
    })
    return JSON.parse(stdout)
  }
  await elsewhere('embed')
  const { plan } = await elsewhere('mount')
  const [delivered] = plan.steps.filter((step) => step.do === 'deliver')
  const volume = delivered?.to.replace(/^volume:/, '') ?? ''
  t.after(() => docker(['volume', 'rm', '-f', volume]))
  assert.match(volume, /^api-sentiment-[0-9a-f]{12}$/)
  assert.equal(await served(container), 'one')
  assert.equal(
    await docker(['inspect', '--format', '{{(index .Mounts 0).Name}} {{(index .Mounts 0).RW}}', container]),
    `${volume} false`,
  )
  // The volume is there for the next time.
  await elsewhere('embed')
  assert.equal((await elsewhere('mount')).bytesMoved, 0)
  await docker(['rm', '-f', container])
})

test('a service of Compose is left to Compose, with the file and the commands', { skip }, async (t) => {
  const { directory, image, start, declare, switchTo, trySwitch } = await switchScene(t)
  await declare({ image })
  const labels = { project: 'demo', service: 'api', 'project.working_dir': directory }
  const labelled = Object.entries(labels).flatMap(([key, value]) => [
    '--label',
    `com.docker.compose.${key}=${value}`,
  ])
  const container = await start([
    ...labelled,
    '--network',
    'none',
    '-v',
    `${directory}/models:/app/models:ro`,
  ])
  const ran = await trySwitch('embed')
  assert.equal(ran.code, 4)
  assert.match(ran.stderr, /write compose\.ballast\.yaml:[\s\S]*image: ballast-switch-\w+:with-model/)
  assert.match(
    ran.stderr,
    /ballast embed sentiment:prod=\/app\/models \S+:plain -t \S+:with-model && docker compose .* up -d api/,
  )
  const { compose } = await switchTo('mount', '--dry-run')
  assert.match(compose?.text ?? '', /driver: ballast/)
  assert.deepEqual(await containersCalled(container), [container])
})

test('what is printed for Compose makes the switch, run as it is', {
  skip: skip || missingParts('docker-compose'),
}, async (t) => {
  const { directory, options, image, declare, switchTo, trySwitch } = await switchScene(t)
  await declare({ image })
  const project = uniqueName('ballast-switch')
  await writeFiles(directory, {
    'docker-compose.yml': `version: "3.9"\nservices: { api: { image: "${image}", network_mode: none } }\n`,
    'compose.ballast.yaml': 'version: "3.9"\nservices: { api: { volumes: ["./models:/app/models:ro"] } }\n',
    '.env': `COMPOSE_PROJECT_NAME=${project}\n`,
  })
  const files = ['-f', 'docker-compose.yml', '-f', 'compose.ballast.yaml']
  const compose = (...args: readonly string[]) => exec('docker-compose', args, { cwd: directory })
  // Before the scene's own end, which takes directory and images away.
  try {
    await compose(...files, 'up', '-d')
    assert.equal((await trySwitch('embed')).code, 4)
    const { compose: advice } = await switchTo('embed', '--dry-run')
    assert.ok(advice)
    await writeFiles(directory, { [advice.file]: `version: "3.9"\n${advice.text}` })
    const [embed = '', up = ''] = advice.commands
    await ask(embed.split(' ').slice(1), options)
    // The plug-in of docker is called with a blank, and takes files without a version.
    await compose(...up.split(' ').slice(2))
    const container = await docker(['ps', '-q', '--filter', `label=com.docker.compose.project=${project}`])
    assert.equal(await served(container), 'one')
    assert.equal(await docker(['inspect', '--format', '{{len .Mounts}}', container]), '0')
    assert.deepEqual((await switchTo('embed')).replaced, [])
  } finally {
    await compose(...files, 'down', '-t', '0')
  }
})
