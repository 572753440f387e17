import { readFileSync } from 'node:fs'

// Answered before anything else is loaded, because scripts ask for it often.
const args = process.argv.slice(2)
if (args[0] === '--version' || args[0] === '-V') {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  process.stdout.write(`${manifest.version}\n`)
} else {
  void Promise.all([import('./run.ts'), import('./io.ts')]).then(([{ run }, { createIo }]) =>
    run(args, createIo()),
  )
}
