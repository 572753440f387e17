import { join } from 'node:path'
import type { Command } from 'commander'
import type { Io } from '../io.ts'
import { createProgram } from '../program.ts'
import { storePlace } from '../store-place.ts'
import { type Line, readLine } from './position.ts'
import { unquote } from './unquote.ts'
import { type Offer, offerFor } from './words.ts'

/** `archive:FILE`: behind it, files; behind the others, what no shell knows. */
const BEFORE_FILES = /^(?:archive|oci):/
const BEFORE_OTHERS = /^(?:volume|container|image):/

/**
 * Answers a shell that asks what the last of the words behind `ballast` may become: a line each, with a tab before what is said of
 * it, and at the end what the shell is to add of its own: `:none`, or `:files` or `:directories` and, behind a space, which part of
 * the word stands before the path. Reads no more than names from the store, writes nothing, and never fails. Words with characters
 * that a terminal would obey are left out; to quote the others is for the script, which knows its shell.
 */
export async function complete([shell, ...words]: readonly string[], io: Io): Promise<void> {
  try {
    io.out(await answer(shell === 'bash' ? words.map(unquote) : words, io))
  } catch {
    io.out(':none\n')
  }
}

async function answer(words: readonly string[], io: Io): Promise<string> {
  const program = await createProgram({ out: () => {}, err: () => {} }, async () => {})
  const line = readLine(program, words)
  const { words: known, rest } = await offer(line, program, io)
  const lines = new Map<string, string>()
  for (const { word, about = '' } of known) {
    if (!word.startsWith(line.typed) || /\p{C}/u.test(word)) continue
    const full = `${line.before}${word}`
    if (!lines.has(full)) lines.set(full, about === '' ? full : `${full}\t${plain(about)}`)
  }
  const [scheme = ''] = BEFORE_FILES.exec(line.typed) ?? []
  const own = rest === 'none' || BEFORE_OTHERS.test(line.typed) ? 'none' : rest
  const before = own === 'none' ? '' : `${line.before}${scheme}`
  return `${[...lines.values(), `:${own}${before && ` ${before}`}`].join('\n')}\n`
}

async function offer(line: Line, program: Command, io: Io): Promise<Offer> {
  const { position } = line
  if (position.kind === 'verb') {
    const verbs = program.createHelp().visibleCommands(program)
    return { words: verbs.map((verb) => ({ word: verb.name(), about: verb.summary() })), rest: 'none' }
  }
  if (position.kind === 'option') {
    const words = position.options.flatMap(({ long, description }) =>
      long == null ? [] : [{ word: long, about: description }],
    )
    return { words, rest: 'none' }
  }
  return offerFor(line, async () => {
    const { openStore } = await import('../../store/index.ts')
    return openStore(storePlace(storeOf(line, io), io))
  })
}

/** Shells leave `~` to whoever reads the line. */
function storeOf({ values }: Line, { home }: Io): string | undefined {
  const written = values.get('--store')
  return written?.startsWith('~/') === true ? join(home, written.slice(2)) : written
}

function plain(about: string): string {
  return about.replace(/\p{C}+/gu, ' ')
}
