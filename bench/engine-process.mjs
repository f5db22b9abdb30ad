// An engine of durable steps in a process of its own: for a run or many at once, for a run that is killed, and for what goes
// on with it. Run as a program it does one task; imported, it starts them.

import { fileURLToPath } from 'node:url'
import { mustEqual } from './measure.mjs'
import { engines } from './peers/engines.mjs'
import { rawDiskOf } from './peers/raw-disk.mjs'
import { StepClock } from './step-clock.mjs'
import { doTask, inProcess, sayReady } from './task-process.mjs'

const program = fileURLToPath(import.meta.url)
/** Before anything counts, each engine does runs of so many steps, until it has done enough or has had its time. */
const warmRunSteps = 200
const warmSteps = 10_000
const runId = 'run-1'
/** Of a run and of the writes beside it: short, so that what disturbs the disk disturbs both. */
const pieces = 50
const pieceMax = 100

/** For how long an engine may become warm before it is timed. */
export const warmMsOf = (scale) => (scale === 'quick' ? 500 : 3_000)

/** One run of so many steps; gives { stepUs, firstUs, lastUs }. With `rawBytes`, writes of so many bytes to the disk alone take
 * turns with the steps, some of them at a time, and `raw` has the same figures of those. */
export function timedRun(peer, { directory, steps, warmMs, rawBytes, ...more }) {
  return inProcess(program, { task: 'one', peer, directory, steps, warmMs, rawBytes, ...more })
}

/** So many runs at once; gives { perSecond }, of steps. */
export function timedRuns(peer, { directory, runs, steps, warmMs, ...more }) {
  return inProcess(program, { task: 'many', peer, directory, runs, steps, warmMs, ...more })
}

/** A run of so many steps, in a process that kills itself when the next one after `killAt` is called. */
export function runAndDie(peer, { directory, steps, killAt, ...more }) {
  return inProcess(program, { task: 'die', peer, directory, steps, killAt, ...more })
}

/** Goes on with it in a new process; gives the ms from its start until that step is called, and the memory then. With
 * `patienceMs` undefined where it wasn't called within it. */
export function timedResume(peer, { directory, steps, killAt, patienceMs, ...more }) {
  return untilReady({ task: 'resume', peer, directory, steps, killAt, ...more }, patienceMs)
}

/** The same of a process that only starts the engine, on nothing. */
export function timedStart(peer, { directory, ...more }) {
  return untilReady({ task: 'start', peer, directory, ...more })
}

async function untilReady(task, patienceMs) {
  const began = performance.now()
  let ms
  const ready = async () => {
    ms = performance.now() - began
  }
  const told = await inProcess(program, task, { ready, patienceMs })
  return told === undefined ? undefined : { ...told, ms }
}

if (process.argv[1] === program) {
  await doTask(async (task) => {
    const { engine } = await engines[task.peer].load()
    return { one, many, die, resume, start }[task.task](engine, task)
  })
}

async function one(engine, { directory, peer, steps, rawBytes, warmMs, ...more }) {
  let clock = new StepClock(0)
  const raw = rawBytes === undefined ? undefined : await rawBeside(directory, { steps, rawBytes, clock: () => clock })
  const step = (at) => {
    clock.mark()
    return at
  }
  const started = await engine.start(directory, { ...more, step, between: raw?.between })
  await warm({ steps: warmRunSteps, ms: warmMs }, (round) =>
    mustSum(peer, started.run(`warm-${round}`, warmRunSteps), warmRunSteps),
  )
  clock = new StepClock(steps)
  raw?.begin()
  await mustSum(peer, started.run(runId, steps), steps)
  mustEqual(clock.count, steps, `${peer}: steps called`)
  await started.close()
  return { ...clock.figures(), raw: await raw?.figures() }
}

/** The disk alone, on the same file system and in the same minute. */
async function rawBeside(directory, { steps, rawBytes, clock }) {
  const disk = await rawDiskOf(rawBytes).open(`${directory}-raw`)
  const piece = Math.max(1, Math.min(pieceMax, Math.floor(steps / pieces)))
  let own = new StepClock(0)
  return {
    begin() {
      own = new StepClock(steps + 1)
    },
    async between(at) {
      if (at % piece !== 0) return
      clock().stop()
      if (own.count > 0) own.go()
      for (let write = 0; write < piece; write++) {
        own.mark()
        await disk.append()
      }
      own.stop()
      clock().go()
    },
    async figures() {
      own.go()
      own.mark()
      mustEqual(own.count, steps + 1, 'writes to the raw disk')
      await disk.close()
      return own.figures()
    },
  }
}

async function many(engine, { directory, peer, runs, steps, warmMs, ...more }) {
  let clock = new StepClock(0)
  const step = (at) => {
    clock.mark()
    return at
  }
  const started = await engine.start(directory, { ...more, step, concurrency: runs })
  const all = (name, each) =>
    Promise.all(Array.from({ length: runs }, (_, at) => mustSum(peer, started.run(`${name}-${at}`, each), each)))
  const each = Math.ceil(warmRunSteps / runs)
  await warm({ steps: each * runs, ms: warmMs }, (round) => all(`warm-${round}`, each))
  clock = new StepClock(runs * steps)
  await all('run', steps)
  mustEqual(clock.count, runs * steps, `${peer}: steps called`)
  await started.close()
  return { perSecond: 1e6 / clock.figures().stepUs }
}

/** What a process does first is slower: its code has not been compiled yet. */
async function warm({ steps, ms }, work) {
  const until = performance.now() + ms
  for (let done = 0; done < warmSteps && performance.now() < until; done += steps) await work(done)
}

async function die(engine, { directory, steps, killAt, ...more }) {
  const last = async () => {
    await started.settle?.()
    process.kill(process.pid, 'SIGKILL')
  }
  const step = (at) => (at > killAt ? last() : at)
  const started = await engine.start(directory, { ...more, step })
  await started.run(runId, steps)
  throw new Error(`the run ended, which was to be killed at step ${killAt}`)
}

async function resume(engine, { directory, peer, steps, killAt, ...more }) {
  const called = []
  let rss
  const step = (at) => {
    if (called.length === 0) {
      sayReady()
      rss = process.memoryUsage.rss()
    }
    called.push(at)
    return at
  }
  const started = await engine.start(directory, { ...more, step })
  await mustSum(peer, started.resume(runId, steps), steps)
  mustEqual(called[0], killAt + 1, `${peer}: the step that is called first`)
  mustEqual(called.length, steps - killAt, `${peer}: steps called`)
  await started.close()
  return { rss }
}

async function start(engine, { directory, ...more }) {
  const started = await engine.start(directory, { ...more, step: (at) => at })
  sayReady()
  const rss = process.memoryUsage.rss()
  await started.close()
  return { rss }
}

/** Every engine has done the same, and the results of all steps have come back. */
async function mustSum(peer, sum, steps) {
  mustEqual(await sum, (steps * (steps + 1)) / 2, `${peer}: sum of the results of ${steps} steps`)
}
