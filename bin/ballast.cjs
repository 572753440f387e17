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
} else {
  require('../dist/cli/main.js')
}
