#!/usr/bin/env node
// Kept to syntax that any Node.js can parse, so that an old one gets a sentence instead of a SyntaxError.
'use strict'
var needed = [22, 18]
var have = process.versions.node.split('.').map(Number)
if (have[0] < needed[0] || (have[0] === needed[0] && have[1] < needed[1])) {
  process.stderr.write(
    'ballast: Node.js ' +
      process.versions.node +
      ' is too old: ' +
      needed.join('.') +
      ' or newer is needed.\n' +
      '  Install a current Node.js: https://nodejs.org\n',
  )
  process.exit(2)
} else if (process.argv[2] === '--version' || process.argv[2] === '-V') {
  // Answered before anything else is loaded, because scripts ask for it often.
  console.log(require('../package.json').version)
} else {
  // Before the code is loaded, so that stack traces name its sources.
  if (process.argv.indexOf('--debug') > 0) process.setSourceMapsEnabled(true)
  require('../dist/cli/main.js')
}
