// A process that appends until it is killed: node writer.mjs <directory or .db file> <process number> <callers> <appends, 0: no end>
// It writes a line for each thing that happens: `open`, `ack <n> <seq>:<position>,…`, `error <code>`, `closed`.

import { writeSync } from 'node:fs'
import { openDirectory } from '../../build/open-directory.js'
import { openSqlite } from '../../build/open-sqlite.js'
import { batchOf } from './workload.mjs'

const [directory, processNumber, callers, end] = [process.argv[2], ...process.argv.slice(3).map(Number)]

function tell(text) {
  for (let left = Buffer.from(text); left.length > 0; ) {
    try {
      left = left.subarray(writeSync(1, left))
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error // the pipe is full: the parent will read
    }
  }
}

// Acknowledgements of one turn go out together.
let told = ''
function acknowledge(n, receipt) {
  if (told === '') setImmediate(flush)
  told += `ack ${n} ${receipt.events.map(({ seq, position }) => `${seq}:${position}`).join(',')}\n`
}
function flush() {
  tell(told)
  told = ''
}

let store
try {
  const isFile = directory.endsWith('.db')
  store = isFile ? await openSqlite(directory) : await openDirectory(directory, { segmentBytes: 262_144 })
} catch (error) {
  tell(`error ${error.code}\n`)
  process.exit(0)
}
tell('open\n')
let next = 0
async function appendOn() {
  while (end === 0 || next < end) {
    const n = next++
    acknowledge(n, await store.append(batchOf(processNumber, n)))
  }
}
try {
  await Promise.all(Array.from({ length: callers }, appendOn))
  if (told !== '') flush()
  await store.close()
  tell('closed\n')
} catch (error) {
  if (told !== '') flush()
  tell(`error ${error.code}\n`)
  const again = await store.append(batchOf(processNumber, next)).catch(({ code }) => ({ code }))
  tell(`error ${again.code ?? 'acknowledged'}\n`)
  process.exit(0)
}
