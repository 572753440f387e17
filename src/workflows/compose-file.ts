import { objectOf, parseYaml } from '../model/index.ts'

/** As Compose looks for them, first of all. */
export const COMPOSE_FILES = [
  'compose.yaml',
  'compose.yml',
  'docker-compose.yaml',
  'docker-compose.yml',
] as const

export interface ComposeService {
  readonly name: string
  readonly image: string | undefined
  /** As it is written: a directory, or a mapping. */
  readonly build: unknown
  /** Where something is mounted, absolute, and how it is written. */
  readonly mounts: readonly { readonly target: string; readonly written: string }[]
  readonly environment: readonly (readonly [name: string, value: string])[]
}

/** Throws USAGE for what is no YAML; what is no service is left out, because only Compose can say what is wrong. */
export async function readComposeFile(text: string, file: string): Promise<readonly ComposeService[]> {
  const { value } = await parseYaml(text, file)
  return Object.entries(objectOf(objectOf(value).services)).map(([name, entry]) => {
    const service = objectOf(entry)
    return {
      name,
      image: textOf(service.image),
      build: service.build,
      mounts: listOf(service.volumes).flatMap(mountOf),
      environment: pairsOf(service.environment),
    }
  })
}

/** `SOURCE:TARGET:MODE`, `TARGET`, or the long form. */
function mountOf(entry: unknown): ComposeService['mounts'] {
  if (typeof entry === 'string') {
    const parts = entry.split(':')
    const target = parts.length === 1 ? parts[0] : parts[1]
    return target?.startsWith('/') ? [{ target, written: entry }] : []
  }
  const { source = '', target } = objectOf(entry)
  return typeof target === 'string' && target.startsWith('/')
    ? [{ target, written: `${source}:${target}` }]
    : []
}

/** `- NAME=value`, or `NAME: value`. */
function pairsOf(value: unknown): ComposeService['environment'] {
  const lines = listOf(value).flatMap((line) => {
    const [, name, text] = /^(\w+)=(.*)$/s.exec(String(line)) ?? []
    return name === undefined || text === undefined ? [] : [[name, text] as const]
  })
  return [...lines, ...Object.entries(objectOf(value)).map(([name, text]) => [name, String(text)] as const)]
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
