import type { Session } from './session.ts'

/** One line where the model's history now speaks for the other strategy; for people, not in what is printed as JSON. */
export async function noteChangedAdvice(
  session: Session,
  { refs, used }: { readonly refs: readonly string[]; readonly used: 'embed' | 'mount' },
): Promise<void> {
  if (!session.isForPeople) return
  const { adviceChanged } = await import('../workflows/advice-changed.ts')
  const store = await session.store()
  for (const text of refs) {
    const ref = text.replace(/=\/.*$/, '')
    const changed = await adviceChanged(store, { ref, used })
    if (changed === undefined) continue
    const { changedNote } = await import('./render/advice-notes.ts')
    session.note(changedNote(changed))
  }
}
