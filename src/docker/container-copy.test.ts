import assert from 'node:assert/strict'
import { test } from 'node:test'
import { objectOf } from '../model/index.ts'
import { type ContainerChange, copyContainer } from './container-copy.ts'
import { containerRecord } from './container-record.ts'

const ID = 'abcdef012345'.padEnd(64, '0')
const CHANGE: ContainerChange = {
  image: 'app:new',
  imageLabels: {},
  labels: {},
  withoutMounts: [],
  mounts: [],
}

function inspected(parts: {
  readonly config?: object
  readonly host?: object
  readonly mounts?: readonly object[]
  readonly networks?: object
  readonly ports?: object
}) {
  return containerRecord({
    Id: ID,
    Name: '/app',
    Image: 'sha256:1',
    State: { Running: true },
    Config: { Image: 'app:old', Hostname: ID.slice(0, 12), ...parts.config },
    HostConfig: { NetworkMode: 'default', ...parts.host },
    Mounts: parts.mounts ?? [],
    NetworkSettings: { Networks: parts.networks ?? {}, Ports: parts.ports ?? {} },
  })
}

test('what is not known here is carried over as it is', () => {
  const config = { Env: ['A=1'], Cmd: ['serve'], FromTheFuture: { a: 1 } }
  const host = { Memory: 5, RestartPolicy: { Name: 'always' }, AlsoNew: true }
  const { create } = copyContainer(inspected({ config, host }), CHANGE)
  assert.deepEqual([create.Env, create.Cmd, create.FromTheFuture], [['A=1'], ['serve'], { a: 1 }])
  const { Memory, RestartPolicy, AlsoNew } = objectOf(create.HostConfig)
  assert.deepEqual([Memory, RestartPolicy, AlsoNew], [5, { Name: 'always' }, true])
  assert.equal(create.Image, 'app:new')
})

test('a name of the host that the Engine gave is not kept, and labels of the former image go with it', () => {
  const config = { Hostname: 'own', Labels: { 'dev.ballast.models': '{}', team: 'nlp', version: '2' } }
  const imageLabels = { 'dev.ballast.models': '{}', version: '1' }
  const own = copyContainer(inspected({ config }), { ...CHANGE, imageLabels, labels: { mark: 'x' } })
  assert.equal(own.create.Hostname, 'own')
  assert.deepEqual(own.create.Labels, { team: 'nlp', version: '2', mark: 'x' })
  assert.equal(copyContainer(inspected({}), CHANGE).create.Hostname, undefined)
})

test('ports that the Engine chose stay, and those that are stated', () => {
  const host = {
    PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '0' }], '81/tcp': [{ HostPort: '8081' }] },
  }
  const ports = {
    '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '32768' }],
    '82/tcp': [{ HostIp: '0.0.0.0', HostPort: '32769' }],
  }
  const bindings = (published: boolean) =>
    objectOf(
      copyContainer(inspected({ host: { ...host, PublishAllPorts: published }, ports }), CHANGE).create
        .HostConfig,
    ).PortBindings
  const stated = { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '32768' }], '81/tcp': [{ HostPort: '8081' }] }
  assert.deepEqual(bindings(false), stated)
  assert.deepEqual(bindings(true), { ...stated, '82/tcp': [{ HostIp: '', HostPort: '32769' }] })
})

test('volumes without a name are the same ones, and only what is at the path goes', () => {
  const host = {
    Binds: ['/srv/m:/app/models:ro', 'named:/b'],
    Mounts: [{ Type: 'bind', Source: '/x', Target: '/c' }],
  }
  const mounts = [
    { Type: 'bind', Source: '/srv/m', Destination: '/app/models', RW: false },
    { Type: 'volume', Name: 'named', Destination: '/b', RW: true },
    { Type: 'volume', Name: 'f00d', Destination: '/data', RW: true },
    { Type: 'volume', Name: 'beef', Destination: '/ro', RW: false },
  ]
  const added = { kind: 'bind', source: '/tree', destination: '/app/models' } as const
  const { create } = copyContainer(inspected({ host, mounts }), {
    ...CHANGE,
    withoutMounts: ['/app/models'],
    mounts: [added],
  })
  const { Binds, Mounts } = objectOf(create.HostConfig)
  assert.deepEqual(Binds, ['named:/b', 'f00d:/data', 'beef:/ro:ro'])
  assert.deepEqual(Mounts, [
    { Type: 'bind', Source: '/x', Target: '/c' },
    { Type: 'bind', Source: '/tree', Target: '/app/models', ReadOnly: true },
  ])
})

test('a volume without a name is the same one however it was asked for, and a path is one however it was written', () => {
  const host = {
    Binds: ['/logs', '/srv/m:/app/./models/:ro'],
    Mounts: [
      { Type: 'volume', Target: '/data/', VolumeOptions: { NoCopy: true } },
      { Type: 'bind', Source: '/srv/n', Target: '/app//more/' },
      { Type: 'tmpfs', Target: '/scratch' },
    ],
  }
  const mounts = [
    { Type: 'volume', Name: 'f00d', Destination: '/data', RW: true },
    { Type: 'volume', Name: 'beef', Destination: '/logs', RW: true },
  ]
  const change = { ...CHANGE, withoutMounts: ['/app/models', '/app/more'] }
  const { Binds, Mounts } = objectOf(copyContainer(inspected({ host, mounts }), change).create.HostConfig)
  assert.deepEqual(Binds, ['beef:/logs'])
  assert.deepEqual(Mounts, [
    { Type: 'volume', Source: 'f00d', Target: '/data/', VolumeOptions: { NoCopy: true } },
    { Type: 'tmpfs', Target: '/scratch' },
  ])
})

test('an entry point that was taken away stays away', () => {
  for (const Entrypoint of [null, undefined])
    assert.deepEqual(copyContainer(inspected({ config: { Entrypoint } }), CHANGE).create.Entrypoint, [''])
  const config = { Entrypoint: ['serve'] }
  assert.deepEqual(copyContainer(inspected({ config }), CHANGE).create.Entrypoint, ['serve'])
})

test('networks that were joined beside the usual one come along, and one that was left stays left', () => {
  const [bridge, back] = [{ Aliases: null }, { Aliases: ['db'] }]
  const joined = copyContainer(inspected({ networks: { back, bridge } }), CHANGE)
  assert.equal(joined.create.NetworkingConfig, undefined)
  assert.deepEqual(joined.connect, [{ network: 'back', endpoint: { Aliases: ['db'] } }])
  for (const NetworkMode of ['default', 'front']) {
    const { create, connect } = copyContainer(
      inspected({ host: { NetworkMode }, networks: { back } }),
      CHANGE,
    )
    assert.equal(objectOf(create.HostConfig).NetworkMode, 'back')
    assert.deepEqual(create.NetworkingConfig, { EndpointsConfig: { back: { Aliases: ['db'] } } })
    assert.deepEqual(connect, [])
  }
})

test("with another container's network, ports that the image exposes are not asked for again", () => {
  const config = { ExposedPorts: { '8000/tcp': {} } }
  const exposed = (NetworkMode: string) =>
    copyContainer(inspected({ config, host: { NetworkMode } }), CHANGE).create.ExposedPorts
  assert.deepEqual(exposed('default'), config.ExposedPorts)
  assert.equal(exposed('container:other'), undefined)
})

test('networks come along with their addresses and names, the first when the container is made', () => {
  const networks = {
    back: {
      Aliases: ['db', ID.slice(0, 12)],
      IPAMConfig: { IPv4Address: '10.9.0.4' },
      IPAddress: '10.9.0.4',
    },
    front: { Aliases: ['app'], IPAMConfig: null },
  }
  const made = copyContainer(inspected({ host: { NetworkMode: 'front' }, networks }), CHANGE)
  assert.deepEqual(made.create.NetworkingConfig, { EndpointsConfig: { front: { Aliases: ['app'] } } })
  assert.deepEqual(made.connect, [
    { network: 'back', endpoint: { IPAMConfig: { IPv4Address: '10.9.0.4' }, Aliases: ['db'] } },
  ])
  for (const NetworkMode of ['none', 'host', 'container:other']) {
    const { create, connect } = copyContainer(inspected({ host: { NetworkMode }, networks }), CHANGE)
    assert.deepEqual([create.NetworkingConfig, connect], [undefined, []])
  }
  const shared = inspected({ config: { Hostname: 'own' }, host: { NetworkMode: 'container:other' } })
  assert.equal(copyContainer(shared, CHANGE).create.Hostname, undefined)
})

test('links are asked for as docker takes them', () => {
  const host = { Links: ['/db:/app/database'] }
  assert.deepEqual(objectOf(copyContainer(inspected({ host }), CHANGE).create.HostConfig).Links, [
    'db:database',
  ])
})
