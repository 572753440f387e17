import { hostname } from 'node:os'
import { chooseEngine, type Engine, type EngineChoice, openEngine } from '../docker/index.ts'

/** Opens the Engine for the work alone. Throws what `chooseEngine` does, and REMOTE once it is asked and does not answer. */
export async function withEngine<T>(choice: EngineChoice, work: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = openEngine(await chooseEngine(choice))
  try {
    return await work(engine)
  } finally {
    engine.close()
  }
}

/**
 * Whether the Engine's paths are certainly those of this process: it is reached by a socket, which may be forwarded from
 * elsewhere, and tells the name of this machine.
 */
export async function hasPathsOfThisHost(engine: Engine): Promise<boolean> {
  return 'socketPath' in engine.endpoint.connect && (await engine.info()).hostName === hostname()
}
