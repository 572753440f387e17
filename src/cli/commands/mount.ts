import { BallastError } from '../../core/index.ts'
import {
  parseOperand,
  parseServerLayout,
  type ReloadFlags,
  SERVER_LAYOUTS,
  type ServerLayout,
} from '../../model/index.ts'
import type { MountResult } from '../../workflows/mount.ts'
import type { Judged } from '../../workflows/mount-reload-judge.ts'
import { engineChoice } from '../engine-choice.ts'
import { isElsewhere, mountElsewhere } from '../mount-elsewhere.ts'
import { LINK_WARNING, mountVerbs, type ReloadChoices, reloadTask } from '../mount-verbs.ts'
import { noteChangedAdvice } from '../note-advice.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import { RELOAD_OPTIONS } from '../reload-options.ts'
import { layoutUsage } from '../render/layout-usage.ts'
import { describeJudged, describeMounted } from '../render/mounted.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

interface MountOptions extends ReloadFlags, ReloadChoices, RegistryOptions {
  readonly follow?: boolean
  readonly once?: boolean
  readonly link?: boolean
  readonly replace?: boolean
  readonly as?: string
  readonly rw?: boolean
  /** False with `--no-read-ahead`. */
  readonly readAhead?: boolean
  readonly layout?: string
  readonly keep?: string
}

export const verb = defineVerb<[string, string, MountOptions]>({
  usage: 'mount <ref> <target>',
  summary: 'deliver a version into a directory or a named volume, for `docker run -v`',
  details:
    'The directory becomes the version, whole or not at all. With --follow it keeps up with the tag: a link in it\n' +
    'leads to the version and is swapped atomically, also under a running container; a model of one file is found\n' +
    'under its own name as well.\n' +
    'volume:NAME is a named volume of the local driver, also of an Engine on another host; it is ' +
    'made when it is not there, and is to be mounted before a container uses it, since Docker fills an empty one from ' +
    'the image.\n' +
    'With --reload or --ready, or where ballast.yaml declares `reload` for an application of the model, each new version is told ' +
    'to the application, which has --within to say that it serves it: by a digest or number in its answer, or the exit code of a ' +
    'command. Else the version before is put back, `check` and `history` show why, and it is not tried again until the tag moves.',
  options: [
    ['--follow', 'swap whenever the tag moves; stays in the foreground, one line a swap'],
    ['--once', 'with --follow: deliver what the tag points to now, and return'],
    [
      '--as <name>',
      'with --follow or --layout, and in volumes: the name of the link (default: the last part of the model name)',
    ],
    [
      '--layout <layout>',
      'what a model server expects in place of the files: triton, tfserving (NAME/NUMBER/…), or hf (a hub cache; --as ORG/NAME)',
      undefined,
      SERVER_LAYOUTS,
    ],
    [
      '--keep <n>',
      'with --follow or --layout: how many former versions stay, and are shown by a layout (default: 1)',
    ],
    ['--replace', 'put the version in the place of another one'],
    [
      '--link',
      'hard links to the store instead of copies (a container that may write could damage the store)',
    ],
    [
      '--rw',
      'with a private layer over the version, for what is written there; it never reaches the store (root, Linux)',
    ],
    ...RELOAD_OPTIONS,
    ['--retry', 'try a version again that was put back'],
    ...REGISTRY_OPTIONS,
    ['--no-read-ahead', 'with --follow: do not read what was linked or shares blocks before the swap'],
  ],
  examples: [
    'ballast mount sentiment:3 ./models',
    'ballast mount sentiment:prod ./models --follow',
    "ballast mount sentiment:prod ./models --follow --reload 'POST http://localhost:8000/reload' --ready 'GET http://localhost:8000/health'",
    'docker run -v "$PWD/models:/app/models:ro" my_ml_app:latest',
    'ballast mount sentiment:3 ./scratch --rw',
    'ballast mount sentiment:prod ./repository --layout triton --follow',
    'ballast mount sentiment:3 ./cache --layout hf --as acme/sentiment',
    'ballast mount sentiment:prod volume:ml_models',
    'ballast mount registry.example/team/sentiment:prod ./models',
    'docker run -v ml_models:/app/models:ro my_ml_app:latest',
  ],
  async run(session, ref, target, options) {
    checkOptions(options)
    if (isElsewhere(ref)) return mountFromElsewhere(session, { ref, target, options })
    if (options.rw === true) return mountToWrite(session, { ref, target })
    const { link, replace, as } = options
    const remarks = ({ warnings, bytesCopied }: MountResult): void => {
      if (options.link === true && bytesCopied === 0) session.note(LINK_WARNING)
      for (const warning of warnings) session.note(`warning: ${warning}`)
    }
    const judgements: Judged[] = []
    const { readAhead = true } = options
    const task = options.follow === true ? await reloadTask(session, { ref, target }, options) : undefined
    const layout = options.layout === undefined ? undefined : parseServerLayout(options.layout)
    const keep = formerOnes(options)
    const wanted = { ref, target, link, replace, as, readAhead, layout, keep }
    const verbs = await mountVerbs(session, wanted, { task, onJudged: (one) => void judgements.push(one) })
    if (options.follow === true && options.once !== true) {
      await verbs.follow({
        onSwap: (result) => {
          remarks(result)
          session.printLine({ time: new Date().toISOString(), ...result }, describeMounted(result))
        },
        onJudged: (judged) =>
          session.printLine({ time: new Date().toISOString(), ...judged }, describeJudged(judged)),
        onTrouble: session.noteTrouble,
      })
      return
    }
    const result = await (options.follow === true ? verbs.mountFollowing() : verbs.mount())
    remarks(result)
    const told = judgements.length === 0 ? {} : { judgements }
    session.print({ ...result, ...told }, () =>
      [describeMounted(result), ...judgements.map(describeJudged)].map((line) => `${line}\n`).join(''),
    )
    await noteUsage(session, result, { layout })
    await noteChangedAdvice(session, { refs: [ref], used: 'mount' })
  },
})

async function mountFromElsewhere(
  session: Session,
  { ref, target, options }: { readonly ref: string; readonly target: string; readonly options: MountOptions },
): Promise<void> {
  const { follow = false, once = false, rw, reload, ready } = options
  const other =
    follow && !once
      ? '--follow'
      : rw
        ? '--rw'
        : reload !== undefined || ready !== undefined
          ? '--reload'
          : undefined
  if (other !== undefined) {
    throw new BallastError('USAGE', `${other} is for models of the store, and ${ref} is elsewhere`, {
      hint:
        other === '--follow'
          ? 'once: add --once; to keep it up: name it with `from` among the targets of ballast.yaml, and ballast serve --follow'
          : `bring it into the store first: ballast pull ${ref}`,
    })
  }
  const { link, replace, as } = options
  const layout = options.layout === undefined ? undefined : parseServerLayout(options.layout)
  const request = {
    ref,
    target,
    follow,
    link,
    replace,
    as,
    layout,
    keep: formerOnes(options),
    registry: options,
  }
  const result = await mountElsewhere(session, request)
  for (const warning of result.warnings) session.note(`warning: ${warning}`)
  session.print(result, () => `${describeMounted(result)}\n`)
  await noteUsage(session, result, { layout })
}

async function mountToWrite(
  session: Session,
  request: { readonly ref: string; readonly target: string },
): Promise<void> {
  if (parseOperand(request.target).kind === 'volume') {
    throw new BallastError('USAGE', '--rw is for directories', {
      hint: 'a volume gets copies, which may be written to; or one of its own layer: docker volume create -d ballast -o ref=REF -o rw=true NAME',
    })
  }
  const workflow = await import('../../workflows/mount-writable.ts')
  const result = await workflow.mountToWrite(await session.store(), request, session)
  for (const warning of result.warnings) session.note(`warning: ${warning}`)
  session.print(result, () => `${describeMounted(result)}\n`)
  session.note(
    `  docker run -v ${result.target}:/app/models …   (what it writes: ballast capture ${result.target} NAME)`,
  )
}

/** Throws USAGE for what is no number of versions, and where none are kept. */
function formerOnes({ keep, follow, layout }: MountOptions): number | undefined {
  if (keep === undefined) return undefined
  if (!/^\d{1,4}$/.test(keep)) {
    throw new BallastError('USAGE', `--keep ${keep} is no number of versions`, { hint: 'write --keep 2' })
  }
  if (follow !== true && layout === undefined) {
    throw new BallastError('USAGE', '--keep goes with --follow or --layout', {
      hint: 'without them the directory is one version and has no former ones',
    })
  }
  return Number(keep)
}

function checkOptions(options: MountOptions): void {
  const { follow, once, replace, reload, ready, retry, rw, link, as, layout, keep } = options
  if (rw === true && [follow, once, replace, link, as, layout, keep].some((option) => option !== undefined)) {
    throw new BallastError(
      'USAGE',
      '--rw goes with no other option: what was written lies over one version',
      {
        hint: 'to follow a tag leave --rw out; another version takes another directory',
      },
    )
  }
  if (once === true && follow !== true) {
    throw new BallastError('USAGE', '--once goes with --follow', {
      hint: 'without both, one version is delivered and stays',
    })
  }
  if (follow !== true && (reload !== undefined || ready !== undefined || retry === true)) {
    const flag = reload !== undefined ? '--reload' : ready !== undefined ? '--ready' : '--retry'
    throw new BallastError('USAGE', `${flag} goes with --follow`, {
      hint: 'a version that was mounted without it does not change',
    })
  }
  if (replace === true && follow === true) {
    throw new BallastError('USAGE', '--replace is for targets that do not follow', {
      hint: 'leave it out: --follow swaps',
    })
  }
}

/** For an application that expects its model at /app/models. */
async function noteUsage(
  session: Session,
  { target, path, mountAt }: MountResult,
  { layout }: { readonly layout: ServerLayout | undefined },
): Promise<void> {
  const isVolume = target.startsWith('volume:')
  const { bindNeeds } = await import('../../workflows/bind-needs.ts')
  const needs = isVolume ? undefined : await bindNeeds(engineChoice(session.io))
  const source = isVolume ? target.slice('volume:'.length) : target
  const options = `ro${needs?.suffix ?? ''}`
  const run = `  docker run -v ${source}:/app/models:${options} …`
  const there = mountAt === 'path' ? '' : `   (there: ${path}/; \`ballast/runtime\` finds it at /app/models)`
  session.note(layout === undefined ? `${run}${there}` : layoutUsage(layout, { source, options, path }))
  for (const note of needs?.notes ?? []) session.note(`  ${note}`)
}
