import { type Engine, withVolumeHelper } from '../docker/index.ts'

/** A container, not running, through which a volume can be read; it is removed in the end. */
export function withVolumeReader<T>(
  engine: Engine,
  { name }: { readonly name: string },
  work: (container: { readonly id: string; readonly root: string }) => Promise<T>,
): Promise<T> {
  return withVolumeHelper(engine, { volume: name }, work)
}
