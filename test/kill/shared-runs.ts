// Runs that two workers in processes of their own share, in a store that both write to: what must hold, whichever store it is.
// RUNS_SHARED sets how many runs there are.

import { expect } from 'vitest'
import type { HoldfastJournal } from '../../src/holdfast-journal.ts'
import { WorkerProcess } from './worker-process.ts'

const count = Number(process.env.RUNS_SHARED ?? 200)
const stepsPerRun = 3
const leaseTtl = '2s'

async function startAll(journal: HoldfastJournal, runs: number, input?: unknown): Promise<readonly string[]> {
  const ids = Array.from({ length: runs }, (_, n) => `r${n}`)
  await Promise.all(ids.map((id) => journal.start('job', { id, input })))
  return ids
}

async function checkResults(journal: HoldfastJournal, ids: readonly string[]): Promise<void> {
  const results = await Promise.all(ids.map((id) => journal.result(id)))
  expect(results).toEqual(ids.map((id) => `${id} is done`))
  expect(await journal.agenda.list({ prefix: 'run/' })).toEqual([])
  // A step's outcome stands in the journal once, whoever called its function.
  for (const id of ids) {
    const steps = await journal.read(`run/${id}`, { types: 'run.step' }).toArray()
    const keys = steps.map(({ data }) => (data as { readonly key: string }).key)
    expect(keys).toEqual([...Array.from({ length: stepsPerRun }, (_, n) => `s${n + 1}`), 'last'])
  }
}

/** Nobody dies: each step's function is called once. */
export async function shareRuns(journal: HoldfastJournal, target: string): Promise<void> {
  const workers = [1, 2].map(() => new WorkerProcess({ target, leaseTtl, stepsPerRun }))
  for (const worker of workers) await worker.until(() => worker.isOpen)
  const began = performance.now()
  const ids = await startAll(journal, count)
  await checkResults(journal, ids)
  const seconds = (performance.now() - began) / 1_000
  const calls = workers.map((worker) => worker.steps.length)
  process.stdout.write(`${count} runs by 2 workers in ${seconds.toFixed(1)} s: ${calls.join(' + ')} steps\n`)
  const all = workers.flatMap((worker) => worker.steps)
  expect(new Set(all).size).toBe(all.length)
  expect(all.length).toBe(count * stepsPerRun)
  expect(workers.flatMap((worker) => worker.errors)).toEqual([])
  for (const worker of workers) await worker.kill()
}

/** One is killed, the other takes over: called again is only what was cut off. */
export async function takeOverKilled(journal: HoldfastJournal, target: string): Promise<void> {
  const [dies, lives] = [1, 2].map(() => new WorkerProcess({ target, leaseTtl, stepsPerRun })) as [
    WorkerProcess,
    WorkerProcess,
  ]
  await dies.until(() => dies.isOpen)
  const ids = await startAll(journal, 40, { pauseMs: 20 })
  await dies.until(() => dies.steps.length > 20)
  await dies.kill()
  await lives.until(() => lives.isOpen)
  await checkResults(journal, ids)
  const again = lives.steps.filter((step) => dies.steps.includes(step))
  process.stdout.write(`killed: ${dies.steps.length} steps begun, ${again.length} of them begun again\n`)
  expect(again.length).toBeLessThanOrEqual(16)
  await lives.kill()
}

/** Leases that outlast the test: what one that is killed had, one that is there already has at once, and so has the next one
 * that is started. */
export async function goOnAtOnce(journal: HoldfastJournal, target: string): Promise<void> {
  const plan = { target, leaseTtl: '1h', stepsPerRun }
  const first = new WorkerProcess({ ...plan, stays: true })
  await first.until(() => first.isOpen)
  const ids = await startAll(journal, 16)
  await first.until(() => first.steps.length === ids.length)
  const owner = (await journal.leases.get('run/job/r0'))?.owner ?? ''
  expect((await journal.leases.list({ owner })).length).toBe(ids.length)
  const second = new WorkerProcess({ ...plan, stays: true })
  await second.until(() => second.isOpen)
  await first.kill()
  await second.until(() => second.steps.length === ids.length)
  expect(await journal.leases.list({ owner })).toEqual([])
  await second.kill()
  const third = new WorkerProcess(plan)
  await checkResults(journal, ids)
  expect(third.steps.length).toBe(ids.length * stepsPerRun)
  await third.kill()
}

/** One that is stopped is alive: nobody takes what it has before its leases end. */
export async function leaveStopped(journal: HoldfastJournal, target: string): Promise<void> {
  const plan = { target, leaseTtl: '1h', stepsPerRun }
  const stopped = new WorkerProcess(plan)
  await stopped.until(() => stopped.isOpen)
  const ids = await startAll(journal, 4, { pauseMs: 200 })
  await stopped.until(() => stopped.steps.length >= 4)
  stopped.signal('SIGSTOP')
  const other = new WorkerProcess(plan)
  await other.until(() => other.isOpen)
  // It drives what nobody has, so it has looked.
  await journal.start('job', { id: 'free' })
  expect(await journal.result('free')).toBe('free is done')
  expect(other.steps.filter((step) => !step.startsWith('free '))).toEqual([])
  stopped.signal('SIGCONT')
  await checkResults(journal, [...ids, 'free'])
  expect(stopped.errors).toEqual([])
  await stopped.kill()
  await other.kill()
}

/** One is stopped for longer than its leases last, the other takes over; what the first appends when it goes on is refused. */
export async function takeOverStopped(journal: HoldfastJournal, target: string): Promise<void> {
  const stopped = new WorkerProcess({ target, leaseTtl, stepsPerRun })
  await stopped.until(() => stopped.isOpen)
  const ids = await startAll(journal, 8, { pauseMs: 300 })
  await stopped.until(() => stopped.steps.length >= 8)
  stopped.signal('SIGSTOP')
  const other = new WorkerProcess({ target, leaseTtl, stepsPerRun })
  await other.until(() => other.isOpen)
  await Promise.all(ids.map((id) => journal.result(id)))
  stopped.signal('SIGCONT')
  await stopped.until(() => stopped.errors.length >= 8)
  await checkResults(journal, ids)
  expect(stopped.errors).toEqual(ids.map(() => 'RUN_OWNED'))
  await stopped.kill()
  await other.kill()
}
