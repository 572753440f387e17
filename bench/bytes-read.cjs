// Loaded into a command before it begins: writes how many bytes it has read (proc_pid_io(5), rchar) to $BENCH_BYTES_READ.
const { readFileSync, writeFileSync } = require('node:fs')

process.on('exit', () => {
  const [, bytes] = /^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8')) ?? []
  writeFileSync(process.env.BENCH_BYTES_READ, `${bytes}`)
})
