import { readFileSync } from 'node:fs'
import { createIo } from './io.ts'

// Answered before anything else is loaded, because scripts ask for it often.
const [first] = process.argv.slice(2)
if (first === '--version' || first === '-V') {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  process.stdout.write(`${manifest.version}\n`)
} else {
  void import('./program.ts').then(({ runProgram }) => runProgram(process.argv, createIo()))
}
