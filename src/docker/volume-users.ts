import type { CallOptions } from '../core/index.ts'
import type { Engine } from './engine.ts'

/** How many containers have the volume, in whatever state. */
export async function countContainersWithVolume(
  engine: Engine,
  name: string,
  { signal }: CallOptions = {},
): Promise<number> {
  // The Engine takes a volume's name or a destination, and a part of neither.
  const query = { all: true, filters: JSON.stringify({ volume: [name] }) }
  return (await engine.call<readonly unknown[]>({ path: '/containers/json', query, signal })).length
}
