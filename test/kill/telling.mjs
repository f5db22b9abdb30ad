// How a child tells its parent what it does: lines on its standard output, written before anything later happens.
//
//   call <id> <batch>     an append was called; in the order of the calls
//   ack <id> <receipt>    it was acknowledged
//   failed <id> <code>    it was answered with an error

import { writeSync } from 'node:fs'

export function tell(line) {
  for (let left = Buffer.from(`${line}\n`); left.length > 0; ) {
    try {
      left = left.subarray(writeSync(1, left))
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error // the pipe is full: the parent will read
    }
  }
}

/** From here on every append of a store of this class is told, also those that its inbox applies. */
export function tellAppends(prototype) {
  const { append } = prototype
  let calls = 0
  prototype.append = function (batch) {
    const id = ++calls
    tell(`call ${id} ${JSON.stringify({ ...batch, expect: [...(batch.expect ?? [])] })}`)
    const outcome = append.call(this, batch)
    // Registered before its caller's: told before anything follows from it.
    outcome.then(
      (receipt) => tell(`ack ${id} ${JSON.stringify(receipt)}`),
      (error) => tell(`failed ${id} ${error.code}`),
    )
    return outcome
  }
  return { untold: append, newest: () => calls }
}
