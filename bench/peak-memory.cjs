// Loaded before a command (`node --require`): leaves its peak resident memory in KiB in the file named by PEAK_MEMORY.
'use strict'
const { writeFileSync } = require('node:fs')

process.on('exit', () => writeFileSync(process.env.PEAK_MEMORY, `${process.resourceUsage().maxRSS}`))
