import type { CallOptions } from '../core/index.ts'
import type { Engine } from './engine.ts'

/** What a container, running or stopped, has of the host, and what is said of it. */
export interface ContainerHoldings {
  readonly name: string
  /** Those of its image included. */
  readonly labels: Readonly<Record<string, string>>
  /** Paths of the Engine's host that are mounted into it. */
  readonly sources: readonly string[]
}

export async function holdingsOfContainers(
  engine: Engine,
  { signal }: CallOptions = {},
): Promise<readonly ContainerHoldings[]> {
  const listed = await engine.call<
    readonly {
      readonly Names?: readonly string[]
      readonly Labels?: Readonly<Record<string, string>> | null
      readonly Mounts?: readonly { readonly Source?: string }[] | null
    }[]
  >({ path: '/containers/json', query: { all: true }, signal })
  return listed.map(({ Names, Labels, Mounts }) => ({
    name: (Names?.[0] ?? '').replace(/^\//, ''),
    labels: Labels ?? {},
    sources: (Mounts ?? []).flatMap(({ Source = '' }) => (Source === '' ? [] : [Source])),
  }))
}
