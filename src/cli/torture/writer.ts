// The process that is killed: appends from many callers at once and tells each acknowledgement before anything else:
//   open · ack <n> <seq>:<position>,… · error <code> <message>
// Started as: node writer.js <directory> <seed> <writer> <callers> <segmentBytes>

import { writeSync } from 'node:fs'
import { isHoldfastError } from '../../errors.ts'
import { open } from '../../open.ts'
import { eventsOf, plannedAppend } from './workload.ts'

const [directory = '', ...numbers] = process.argv.slice(2)
const [seed = 0, writer = 0, callers = 1, segmentBytes = 0] = numbers.map(Number)

function tell(line: string): void {
  for (let left: Uint8Array = Buffer.from(`${line}\n`); left.length > 0; ) {
    try {
      left = left.subarray(writeSync(1, left))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EPIPE') process.exit(0) // nobody listens any more
      if (code !== 'EAGAIN') throw error // the pipe is full: it will be read
    }
  }
}

async function appendForEver(): Promise<never> {
  const journal = await open(directory, { segmentBytes })
  tell('open')
  let next = 0
  const caller = async (): Promise<never> => {
    for (;;) {
      const n = next++
      const { blob, commandId } = plannedAppend(seed, { writer, n })
      const ref = blob === undefined ? undefined : await journal.blobs.put(blob)
      const options = commandId === undefined ? {} : { commandId }
      const { events } = await journal.append(eventsOf(seed, { writer, n }, ref), options)
      tell(`ack ${n} ${events.map(({ seq, position }) => `${seq}:${position}`).join(',')}`)
    }
  }
  return await Promise.race(Array.from({ length: callers }, caller))
}

await appendForEver().catch((error: unknown) => {
  tell(`error ${isHoldfastError(error) ? error.code : ''} ${String(error)}`)
  process.exit(1)
})
