import type { AnyVerb } from '../verb.ts'

/** In the order of the help: what one does first, first. Each is loaded when it is named. */
export const VERBS: Readonly<Record<string, () => Promise<AnyVerb>>> = {
  add: async () => (await import('./add.ts')).verb,
  list: async () => (await import('./list.ts')).verb,
  embed: async () => (await import('./embed.ts')).verb,
  mount: async () => (await import('./mount.ts')).verb,
  check: async () => (await import('./check.ts')).verb,
  rollback: async () => (await import('./rollback.ts')).verb,
  show: async () => (await import('./show.ts')).verb,
  history: async () => (await import('./history.ts')).verb,
  diff: async () => (await import('./diff.ts')).verb,
  tag: async () => (await import('./tag.ts')).verb,
  remove: async () => (await import('./remove.ts')).verb,
  unmount: async () => (await import('./unmount.ts')).verb,
  verify: async () => (await import('./verify.ts')).verb,
  gc: async () => (await import('./gc.ts')).verb,
  serve: async () => (await import('./serve.ts')).verb,
}
