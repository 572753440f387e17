// A process of its own: TARGET-PORT BYTES-PER-SECOND LATENCY-MS. Prints its port and serves until it is killed.
import { startShapedProxy } from '../test/doubles/shaped-proxy.ts'

const [targetPort, bytesPerSecond, latencyMs] = process.argv.slice(2).map(Number)
if (targetPort === undefined) throw new Error('TARGET-PORT BYTES-PER-SECOND LATENCY-MS')
const { port } = await startShapedProxy({ targetPort, bytesPerSecond, latencyMs })
console.log(port)
