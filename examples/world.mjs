// The world outside of the journal, for examples: a book in which every real call of a model or a tool writes a line, so
// that a call which is made twice shows, whatever the journal says.
//
// Lines are appended (O_APPEND) and synced before the call goes on: {"at":"begin"|"end"|"recorded","key":…,"call":…}

import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { prng } from 'holdfast/testing'

/** `tell` hears of every line; `pace` is how long a call takes, about, in milliseconds. */
export function openWorld(path, { pace = 0, seed = 1, tell = () => undefined } = {}) {
  const book = openSync(path, 'a')
  const note = (line) => {
    writeSync(book, `${JSON.stringify(line)}\n`)
    fdatasyncSync(book)
    tell(line)
  }

  /** A call takes its time, does its work, and is noted as it begins and as it ends. */
  async function call(name, context, work) {
    const { key } = context
    const ms = Math.round(pace * (0.5 + chanceOf(seed, key)))
    note({ at: 'begin', call: name, key, ms })
    if (ms > 0) await sleep(ms, undefined, { signal: context.signal })
    try {
      return await work()
    } finally {
      note({ at: 'end', call: name, key })
    }
  }

  return {
    call,
    /** A tool whose calls are noted. */
    noted: (name, tool) => ({
      ...tool,
      run: (input, context) => call(name, context, () => tool.run(input, context)),
    }),
    /** A call has had its effect, and its answer is on its way. */
    async onItsWay(name, { key, signal }) {
      tell({ at: 'answering', call: name, key })
      if (pace > 0) await sleep(pace, undefined, { signal })
    },
    /** The journal has it from now on: from here on nobody may call it again. */
    recorded: (line) => note({ at: 'recorded', ...line }),
    close: () => closeSync(book),
  }
}

/** What the book says of each call: how often it began, how often it ended, and how often it began when its outcome had
 * been recorded already, which must never be. */
export function readBook(path) {
  const calls = new Map()
  for (const text of readFileSync(path, 'utf8').split('\n')) {
    if (text === '') continue
    const { at, key, call } = JSON.parse(text)
    const seen = calls.get(key) ?? { call, begun: 0, ended: 0, repeated: 0, isRecorded: false }
    calls.set(key, seen)
    if (at === 'recorded') seen.isRecorded = true
    else seen.call = call
    if (at === 'end') seen.ended++
    if (at === 'begin') seen.begun++
    if (at === 'begin' && seen.isRecorded) seen.repeated++
  }
  // What is recorded and never called is no call: the loop's own entries.
  return [...calls.values()].filter(({ begun }) => begun > 0)
}

/** From 0 to 1, the same for the same key and seed. */
function chanceOf(seed, key) {
  let mixed = seed
  for (const letter of key) mixed = (Math.imul(mixed, 31) + letter.codePointAt(0)) | 0
  return prng(mixed).below(1_000) / 1_000
}
