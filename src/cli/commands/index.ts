import type { AnyVerb } from '../verb.ts'

type Load = () => Promise<{ readonly verb: AnyVerb }>

/** In the order of the help: what one does first, first. A verb is loaded when it is named, or for the help of all. */
const COMMANDS: Readonly<Record<string, Load>> = {
  add: () => import('./add.ts'),
  list: () => import('./list.ts'),
  embed: () => import('./embed.ts'),
  mount: () => import('./mount.ts'),
  run: () => import('./run.ts'),
  check: () => import('./check.ts'),
  advise: () => import('./advise.ts'),
  rollback: () => import('./rollback.ts'),
  switch: () => import('./switch.ts'),
  split: () => import('./split.ts'),
  route: () => import('./route.ts'),
  show: () => import('./show.ts'),
  history: () => import('./history.ts'),
  diff: () => import('./diff.ts'),
  attach: () => import('./attach.ts'),
  rebase: () => import('./rebase.ts'),
  tag: () => import('./tag.ts'),
  policy: () => import('./policy.ts'),
  approve: () => import('./approve.ts'),
  promote: () => import('./promote.ts'),
  push: () => import('./push.ts'),
  pull: () => import('./pull.ts'),
  copy: () => import('./copy.ts'),
  login: () => import('./login.ts'),
  logout: () => import('./logout.ts'),
  remove: () => import('./remove.ts'),
  capture: () => import('./capture.ts'),
  unmount: () => import('./unmount.ts'),
  init: () => import('./init.ts'),
  sign: () => import('./sign.ts'),
  'generate-key-pair': () => import('./generate-key-pair.ts'),
  scan: () => import('./scan.ts'),
  verify: () => import('./verify.ts'),
  gc: () => import('./gc.ts'),
  serve: () => import('./serve.ts'),
  completion: () => import('./completion.ts'),
}

export const VERB_NAMES: readonly string[] = Object.keys(COMMANDS)

/** Undefined where there is none of that name. */
export async function loadVerb(name: string): Promise<AnyVerb | undefined> {
  return Object.hasOwn(COMMANDS, name) ? (await COMMANDS[name]?.())?.verb : undefined
}

export async function loadVerbs(): Promise<Readonly<Record<string, AnyVerb>>> {
  const loaded = Object.entries(COMMANDS).map(async ([name, load]) => [name, (await load()).verb] as const)
  return Object.fromEntries(await Promise.all(loaded))
}
