// The world outside the journal, as a run acts on it and is told of it: one list of lines, in the order in which things
// happened, over all lives of the run. What is judged in the end is this list against the journal.
//
//   durable   an event stands in the journal: its append was acknowledged, or it was found there when a process began
//   call      a function of a step, a tool, a verification or a compensation was called; a tool's effect takes place with it
//   told      a promise has told the run what came of a step or a tool
//
// Invariant: a line is written before anything that follows from it can happen.

/** What the lines keep of an event's data. */
const kept = ['key', 'attempt', 'failures', 'name', 'effect', 'idempotencyKey', 'done']

export class Outside {
  #write
  #isDead = false
  /** What is in effect, by idempotency key. */
  #effects = new Map()
  #durable = new Set()

  /** `lines`: of former lives. `write` keeps a line. */
  constructor(lines, write) {
    this.#write = write
    for (const line of lines) this.#meet(line)
  }

  /** The process is dead: what its functions still do, nobody sees. */
  die() {
    this.#isDead = true
  }

  durable({ run, seq, type, data }) {
    if (this.#durable.has(`${run} ${seq}`)) return
    const some = Object.fromEntries(kept.filter((name) => data[name] !== undefined).map((name) => [name, data[name]]))
    this.#add({ is: 'durable', run, seq, type, ...some })
  }

  /** Gives what the function gives: the same for all calls with this key. */
  async call(kind, run, { key, attempt, idempotencyKey }, effect) {
    if (this.#isDead) return new Promise(() => undefined)
    this.#add({ is: 'call', kind, run, key, attempt, idempotencyKey, effect })
    // A kill can come while it is at work.
    await new Promise((resolve) => setImmediate(resolve))
    return { did: key }
  }

  told(run, value) {
    this.#add({ is: 'told', run, value })
    return value
  }

  /** As a verification asks for it. */
  has(idempotencyKey) {
    return this.#effects.has(idempotencyKey)
  }

  /** `<run> <key>` of what is in effect. */
  get effects() {
    return [...this.#effects.values()].sort()
  }

  #add(line) {
    if (this.#isDead) return
    this.#write(line)
    this.#meet(line)
  }

  #meet({ is, kind, run, seq, key, idempotencyKey }) {
    if (is === 'durable') this.#durable.add(`${run} ${seq}`)
    if (kind === 'tool' && idempotencyKey !== undefined) this.#effects.set(idempotencyKey, `${run} ${key}`)
    if (kind === 'undo') this.#effects.delete(idempotencyKey)
  }
}

/** From here on what this store acknowledges is noted; `around` is told of each append of events, and can end the process. */
export function noteAppends(store, outside, around = {}) {
  const { append } = store
  store.append = function (batch) {
    const events = batch.events.map(({ stream, type, data }) => ({ run: runOf(stream), type, data: parsed(data) }))
    around.before?.(events, batch)
    const appended = append.call(this, batch)
    // Registered before the caller's: noted before anything follows from it.
    appended.then(
      (receipt) => {
        for (const [index, { seq }] of receipt.events.entries()) outside.durable({ ...events[index], seq })
        around.behind?.(events, batch)
      },
      (error) => around.refused?.(error),
    )
    return appended
  }
}

export function runOf(stream) {
  return stream.replace(/^run\//, '')
}

function parsed(data) {
  const value = JSON.parse(data)
  return typeof value === 'object' && value !== null ? value : {}
}
