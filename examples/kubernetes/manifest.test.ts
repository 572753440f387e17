import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { createProgram } from '../../src/cli/program.ts'
import { parseAppFile } from '../../src/model/index.ts'
import { type Fields, unknownFields } from './fields.ts'

type Container = Record<string, unknown> & {
  readonly name: string
  readonly args?: readonly string[]
  readonly volumeMounts: readonly { readonly name: string }[]
}

async function documents(): Promise<
  readonly [config: Record<string, unknown>, pod: Record<string, unknown>]
> {
  const text = await readFile(new URL('sentiment.yaml', import.meta.url), 'utf8')
  const [config, pod, ...others] = parseAllDocuments(text).map((document) => {
    assert.deepEqual(document.errors, [])
    return document.toJS() as Record<string, unknown>
  })
  assert.ok(config !== undefined && pod !== undefined && others.length === 0)
  return [config, pod]
}

test('the manifest has no field that Kubernetes does not know', async () => {
  const [config, pod] = await documents()
  assert.deepEqual([config.kind, pod.kind], ['ConfigMap', 'Pod'])
  assert.deepEqual(unknownFields(config, CONFIG_MAP), [])
  assert.deepEqual(unknownFields(pod, POD), [])
})

test('its ballast.yaml and its command lines are read as they are meant', async () => {
  const [config, pod] = await documents()
  const { targets } = await parseAppFile(
    (config.data as Record<string, string>)['ballast.yaml'] ?? '',
    'ballast.yaml',
  )
  assert.deepEqual(
    targets.map(({ to, follow }) => [to, follow]),
    [['/models/live', true]],
  )
  const { initContainers, containers, volumes } = pod.spec as Readonly<Record<string, readonly Container[]>>
  const verbs: string[] = []
  for (const { args = [] } of initContainers ?? []) {
    const program = await createProgram({ out: () => undefined, err: () => undefined }, async ({ verb }) => {
      verbs.push(verb.usage.split(' ')[0] ?? '')
    })
    await program.parseAsync(args, { from: 'user' })
  }
  assert.deepEqual(verbs, ['mount', 'serve'])
  const known = volumes?.map(({ name }) => name) ?? []
  for (const { name, volumeMounts } of [...(initContainers ?? []), ...(containers ?? [])]) {
    for (const mount of volumeMounts) assert.ok(known.includes(mount.name), `${name}: ${mount.name}`)
  }
})

/** Of the API's core/v1, as far as the example goes: what is not here is a mistake or has to be added with a look at the reference. */
const METADATA: Fields = { name: 'text', labels: { '*': 'text' } }
const CONFIG_MAP: Fields = { apiVersion: 'text', kind: 'text', metadata: METADATA, data: { '*': 'text' } }
const PROBE: Fields = {
  httpGet: { path: 'text', port: 'text' },
  periodSeconds: 'number',
  failureThreshold: 'number',
}
const CONTAINER: Fields = {
  name: 'text',
  image: 'text',
  args: ['text'],
  env: [{ name: 'text', value: 'text' }],
  ports: [{ name: 'text', containerPort: 'number' }],
  restartPolicy: 'text',
  startupProbe: PROBE,
  livenessProbe: PROBE,
  readinessProbe: PROBE,
  resources: { requests: { '*': 'text' }, limits: { '*': 'text' } },
  securityContext: {
    allowPrivilegeEscalation: 'truth',
    readOnlyRootFilesystem: 'truth',
    capabilities: { drop: ['text'] },
  },
  volumeMounts: [{ name: 'text', mountPath: 'text', subPath: 'text', readOnly: 'truth' }],
}
const POD: Fields = {
  apiVersion: 'text',
  kind: 'text',
  metadata: METADATA,
  spec: {
    securityContext: { runAsNonRoot: 'truth', runAsUser: 'number', runAsGroup: 'number', fsGroup: 'number' },
    initContainers: [CONTAINER],
    containers: [CONTAINER],
    volumes: [
      {
        name: 'text',
        emptyDir: { sizeLimit: 'text' },
        configMap: { name: 'text' },
        secret: { secretName: 'text', items: [{ key: 'text', path: 'text' }] },
      },
    ],
  },
}
