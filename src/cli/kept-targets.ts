import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { type AppFile, type AppTarget, isRemote, parseOperand } from '../model/index.ts'
import { inspectTarget, retireGenerations } from '../mount/index.ts'
import type { DiskBudget, KeptTag, KeptTarget, TargetEvents, Wanted } from '../serve/index.ts'
import type { SourceAccess } from '../sources/index.ts'
import type { Store } from '../store/index.ts'
import { dropBrought } from '../workflows/drop-brought.ts'
import { deliveredVersion, localPace, remotePace, retentionOf } from '../workflows/follow-targets.ts'
import { followUpstream, type Upstream } from '../workflows/follow-upstream.ts'
import { followedElsewhere } from '../workflows/followed-elsewhere.ts'
import type { ImageAccess } from '../workflows/image-places.ts'
import { allowedReloads } from '../workflows/mount-reload-declared.ts'
import type { ReloadTask } from '../workflows/mount-reload-told.ts'
import { withPolicyKey } from '../workflows/policy-keys.ts'
import { remoteUpstream } from '../workflows/remote-upstream.ts'
import { commandGuard } from './command-guard.ts'
import { engineChoice } from './engine-choice.ts'
import { mountVerbs } from './mount-verbs.ts'
import type { Session } from './session.ts'

export interface KeptOptions {
  /** Of the file: what its paths are relative to. */
  readonly directory: string
  /** Whether commands of the file may run. */
  readonly allowCommands: boolean
  /** Of registries and buckets. */
  readonly access: ImageAccess
  readonly sources: SourceAccess
  readonly disk: DiskBudget
}

/** What the targets of a `ballast.yaml` take to be kept up. Throws USAGE, and REFUSED for commands that were not allowed. */
export async function keptTargets(own: Session, file: AppFile, options: KeptOptions): Promise<Wanted> {
  const store = async (): Promise<Store> => withPolicyKey(await own.store(), file, options.directory)
  // A key that cannot be read is told with the file, not by each target.
  if (file.policyKey !== undefined) await store()
  const session = { ...own, store }
  const tags = new Map<string, KeptTag>()
  const targets: KeptTarget[] = []
  for (const declared of file.targets) {
    const tag = keptTag(session, declared, options)
    if (tag !== undefined && !tags.has(tag.key)) tags.set(tag.key, tag)
    targets.push(await keptTarget(session, { file, declared, tag }, options))
  }
  return { tags: [...tags.values()], targets }
}

function keptTag(
  session: Session,
  declared: AppTarget,
  { access, sources, disk }: KeptOptions,
): KeptTag | undefined {
  const { ref, from, every } = declared
  if (from === undefined) return undefined
  const key = JSON.stringify([ref, from, every])
  const admit = (bytes: number): Promise<void> => disk.admit(key, bytes)
  const open = async (): Promise<Upstream> => {
    const store = await session.store()
    if (isRemote(from)) return remoteUpstream(store, { ref, from, access, admit })
    const { sourceUpstream } = await import('../workflows/source-upstream.ts')
    return sourceUpstream(store, { ref, from, access: sources, admit })
  }
  return {
    key,
    ref,
    from,
    keepUp: (events) =>
      settling(disk, key, async (settle) => {
        const onTurn = settle(events.onTurn)
        await followUpstream(await open(), { ...events, onTurn, pace: remotePace(declared) })
      }),
    async dropUnused() {
      await dropBrought(await session.store(), { ref, from: (await open()).address })
    },
  }
}

async function keptTarget(
  session: Session,
  {
    file,
    declared,
    tag,
  }: { readonly file: AppFile; readonly declared: AppTarget; readonly tag: KeptTag | undefined },
  { directory, allowCommands, access, disk }: KeptOptions,
): Promise<KeptTarget> {
  const { ref, from, as, link, layout, follow } = declared
  const isVolume = parseOperand(declared.to).kind === 'volume'
  const to = isVolume ? declared.to : resolve(directory, withHome(declared.to, session.io.home))
  const guard = commandGuard(session, { allow: allowCommands })
  const plans = follow ? await allowedReloads(file, { ref, target: to, directory }, guard) : []
  const task: ReloadTask | undefined =
    plans.length === 0 ? undefined : { plans, directory, engine: engineChoice(session.io), retry: false }
  const key = JSON.stringify([declared, to, plans])
  const retention = retentionOf(declared)
  const replace = follow ? undefined : true
  const admit = (bytes: number): Promise<void> => disk.admit(key, bytes)
  const wanted = { ref, target: to, link, as, layout, replace, readAhead: true, admit, ...retention }
  return {
    key,
    ref,
    to,
    directory: isVolume ? undefined : to,
    ...(from !== undefined && { from }),
    tag: tag?.key,
    delivered: async () => (isVolume ? undefined : deliveredVersion(to, declared)),
    keepUp: ({ signal, ...events }) =>
      settling(disk, key, async (settle) => {
        const store = async (): Promise<Store> =>
          from === undefined || !isRemote(from)
            ? session.store()
            : followedElsewhere(await session.store(), { ref, from, access })
        const own = { ...session, ...(signal && { signal }), store }
        const onTurn = settle(events.onTurn)
        const verbs = await mountVerbs(own, wanted, { task, onJudged: events.onJudged })
        if (follow) return verbs.follow({ ...events, onTurn, pace: localPace(declared) })
        // What never moves is delivered once.
        events.onSwap(await verbs.mount())
        onTurn(undefined)
        if (!own.signal.aborted) await once(own.signal, 'abort')
      }),
    async retire({ signal }) {
      if (isVolume || !follow || (await inspectTarget(to)).kind !== 'following') return
      await retireGenerations(to, { ...retention, signal })
    },
    graceMs: retention.graceMs,
  }
}

type OnTurn = TargetEvents['onTurn']

/** What the work has set aside on the disk is settled after each look, and at the end. */
async function settling(
  disk: DiskBudget,
  key: string,
  work: (settle: (onTurn: OnTurn) => OnTurn) => Promise<void>,
): Promise<void> {
  try {
    await work((onTurn) => (error) => {
      disk.settle(key)
      onTurn(error)
    })
  } finally {
    disk.settle(key)
  }
}

function withHome(path: string, home: string): string {
  return path === '~' || path.startsWith('~/') ? join(home, path.slice(1)) : path
}
