import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface FuzzRun {
  readonly inputs: number
  /** Of the process that scans, in bytes. */
  readonly largestRss: number
  /** The processor's time for one input, and which it was. */
  readonly slowest: { readonly ms: number; readonly index: number }
  /** What went wrong, with the number of the input. */
  readonly failures: readonly string[]
}

const CHILD = fileURLToPath(new URL('scan-child.ts', import.meta.url))
const HEAP_MIB = 512
/** With the buffers beside the heap. */
const LARGEST_RSS = 900 * 1024 * 1024
const MOST_FAILURES = 10

/**
 * Scans changed files of the corpus and made-up pickles for a time, in a process with a limit of memory. A failure is a crash,
 * an input that takes longer than `patienceMs`, and memory beyond the limit; the run goes on behind it.
 */
export async function fuzzScanner({
  seed,
  ms,
  patienceMs = 60_000,
}: {
  readonly seed: string
  readonly ms: number
  readonly patienceMs?: number
}): Promise<FuzzRun> {
  const failures: string[] = []
  const end = Date.now() + ms
  let [inputs, largestRss] = [0, 0]
  let slowest = { ms: 0, index: 0 }
  for (let first = 0; Date.now() < end && failures.length < MOST_FAILURES; ) {
    const run = await runFrom(first)
    if (run.failure !== undefined) failures.push(`input ${run.index}: ${run.failure}`)
    first = run.index + 1
  }
  return { inputs, largestRss, slowest, failures }

  function runFrom(first: number): Promise<{ readonly index: number; readonly failure: string | undefined }> {
    const child = fork(CHILD, [seed, `${first}`], {
      execArgv: [`--max-old-space-size=${HEAP_MIB}`],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let index = first - 1
    let last = Date.now()
    let failure: string | undefined
    let errors = ''
    child.stderr?.on('data', (data) => {
      errors = `${errors}${data}`.slice(-2000)
    })
    const stop = (why?: string): void => {
      failure ??= why
      child.kill('SIGKILL')
    }
    child.on('message', (message: { readonly index: number; readonly rss: number; readonly ms: number }) => {
      const now = Date.now()
      // The time is that of the one before.
      if (index >= first && message.ms > slowest.ms) slowest = { ms: Math.round(message.ms), index }
      index = message.index
      last = now
      inputs++
      largestRss = Math.max(largestRss, message.rss)
      if (message.rss > LARGEST_RSS) stop(`${Math.round(message.rss / 1024 ** 2)} MiB of memory`)
      else if (now > end) stop()
    })
    const watch = setInterval(() => {
      if (Date.now() - last > patienceMs) stop(`not done after ${patienceMs} ms`)
      else if (Date.now() > end && index >= first) stop()
    }, 100)
    return new Promise((resolve) => {
      child.on('exit', (code, signal) => {
        clearInterval(watch)
        if (signal !== 'SIGKILL') failure ??= `ended with ${code ?? signal}: ${errors}`
        resolve({ index: Math.max(index, first), failure })
      })
    })
  }
}
