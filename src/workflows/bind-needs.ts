import { setTimeout as sleep } from 'node:timers/promises'
import { isPresent } from '../core/index.ts'
import { chooseEngine, DEFAULT_ENGINE, type EngineChoice, openEngine } from '../docker/index.ts'

/** What a `docker run -v` of a directory of this host needs with the Engine that is there. */
export interface BindNeeds {
  /** What belongs behind the mount's other options: `,z`, or nothing. */
  readonly suffix: string
  /** For people. */
  readonly notes: readonly string[]
}

const NOTHING: BindNeeds = { suffix: '', notes: [] }
const PATIENCE_MS = 1000

/** Never fails: where no Engine answers soon there is nothing to say. */
export async function bindNeeds(choice: EngineChoice): Promise<BindNeeds> {
  const enough = new AbortController()
  try {
    const endpoint = await chooseEngine(choice)
    // Most Engines need nothing, and to be told so takes longer than many a mount.
    if (endpoint.url === DEFAULT_ENGINE && !(await isPresent('/sys/fs/selinux/enforce'))) return NOTHING
    const engine = openEngine(endpoint)
    const late = sleep(PATIENCE_MS, NOTHING, { signal: enough.signal })
    // Closing the Engine ends what has not been answered by then.
    return await Promise.race([engine.info().then(needsOf), late]).finally(() => engine.close())
  } catch {
    return NOTHING
  } finally {
    enough.abort()
  }
}

/** `info` as the Engine tells it. */
export function needsOf({
  hasSelinux,
  isRootless,
}: {
  readonly hasSelinux: boolean
  readonly isRootless: boolean
}): BindNeeds {
  return {
    suffix: hasSelinux ? ',z' : '',
    notes: [
      ...(hasSelinux
        ? ['SELinux: `z` lets containers read the directory; with --mount there is no such option, so use -v']
        : []),
      ...(isRootless
        ? [
            'the Engine is rootless: its containers are other users of this host, so every directory above the target ' +
              'must be open to all (chmod o+x), and what they write belongs to a user of their own range',
          ]
        : []),
    ],
  }
}
