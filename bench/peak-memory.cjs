// Loaded before a command (`node --require`): leaves its peak resident memory in KiB in the file named by PEAK_MEMORY.
'use strict'
const { readFileSync, writeFileSync } = require('node:fs')

process.on('exit', () => {
  // Not getrusage: there, a process begins with the peak of the one that started it.
  const status = readFileSync('/proc/self/status', 'utf8')
  writeFileSync(process.env.PEAK_MEMORY, /^VmHWM:\s+(\d+) kB$/m.exec(status)[1])
})
