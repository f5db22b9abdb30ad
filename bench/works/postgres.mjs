// W9: the PostgreSQL store against an INSERT for each event: callers in one process that each wait for their own append,
// and two processes that write to one journal. And jobs, one a call, against pg-boss.

import { join } from 'node:path'
import { eventsOf, streamName } from '../event.mjs'
import { appendTogether } from '../journal-process.mjs'
import { interleave, mustEqual, ratio, spread } from '../measure.mjs'
import { peers } from '../peers/all.mjs'
import { holdfastJobs, pgBossJobs } from '../peers/jobs.mjs'
import { placeOf, schemas } from '../places.mjs'
import { atLeast } from '../targets.mjs'
import { appendToNew } from './append.mjs'

const ours = 'holdfast, PostgreSQL'
const inOrder = 'postgres'
const names = [ours, inOrder, 'postgres, no order', 'postgres, batched']
/** By which several processes are compared. */
const shared = names.filter((name) => name !== 'postgres, no order')
const callers = [1, 64, 256]
const together = { writers: 2, callers: 64 }
const poolSize = 64
const jobSteps = ['added', 'taken', 'completed', 'through all three']
const jobCallers = 16
const timesEachInsert = 5
const timesPgBoss = 3

export const postgresAppends = { id: 'W9', needs: () => [], run: runPostgres }

async function runPostgres({ scale, rounds, scratch, postgres, tell }) {
  const ms = { quick: 150, normal: 1_000, full: 3_000 }[scale]
  const server = await postgres.start(tell)
  const pools = Array.from({ length: Math.max(...callers) }, (_, at) => eventsOf(streamName(at), poolSize))
  let made = 0
  const directory = () => join(scratch, `postgres-${++made}`)
  const alone = (name, count, forMs) =>
    appendToNew(peers[name], { directory: directory(), pools: pools.slice(0, count), ms: forMs })
  tell('warming up')
  for (const name of names) await alone(name, 64, 300) // not counted: the code becomes warm
  const rows = []
  for (const count of callers) {
    const what = `appends, ${count} ${count === 1 ? 'caller' : 'callers'}`
    const figures = await interleave(
      names,
      rounds,
      (name) => alone(name, count, ms),
      (round) => tell(what, round),
    )
    rows.push(...rowsOf(what, figures))
  }
  const what = `appends, ${together.writers} writers with ${together.callers} callers each`
  const figures = await interleave(
    shared,
    rounds,
    (name) => sharedBy(name, directory(), ms),
    (round) => tell(what, round),
  )
  rows.push(...rowsOf(what, figures))
  const jobs = { quick: 320, normal: 3_200, full: 16_000 }[scale]
  rows.push(...(await jobRows({ jobs, rounds, directory, tell })))
  return {
    title: `on PostgreSQL: durable appends, ${rounds} rounds of ${ms} ms; ${jobs.toLocaleString('en-US')} jobs a round, ${jobCallers} callers, one job a call`,
    columns: ['what', 'peer', 'a second', 'holdfast ÷ peer'],
    rows,
    notes: [
      'Median (minimum to maximum). In order: no gaps, and visible in the order of positions, as Holdfast keeps it; no order promises less.',
      'Writers are processes on one journal; their events a second are added up.',
      'Jobs: with Holdfast a stream and an agenda entry each, which is taken by a claim; pg-boss wants Node 22, and was seen to work on 20.',
      server,
    ],
    targets: [
      atLeast(
        '64 callers, × an INSERT per event, in order',
        ratioOf(rows, 'appends, 64 callers', peers[inOrder].name),
        timesEachInsert,
      ),
      atLeast(
        `${jobCallers} callers, jobs through all three steps, × pg-boss`,
        ratioOf(rows, 'jobs through all three', pgBossJobs.name),
        timesPgBoss,
      ),
    ],
  }
}

/** Several processes append to one journal. */
async function sharedBy(name, directory, ms) {
  const peer = peers[name]
  const place = placeOf(peer)
  await place.make(directory)
  const first = await peer.open(directory) // makes its tables, so that they don't all try
  await first.close()
  const writers = await appendTogether(name, { directory, ...together, ms })
  const store = await peer.open(directory)
  const appended = writers.reduce((sum, writer) => sum + writer.appended, 0)
  mustEqual(await store.count(), appended, `${name}: events stored by ${together.writers} writers`)
  await store.close()
  await place.remove(directory)
  return writers.reduce((sum, { perSecond }) => sum + perSecond, 0)
}

async function jobRows({ jobs, rounds, directory, tell }) {
  const both = [holdfastJobs, pgBossJobs]
  for (const peer of both) await jobsThrough(peer, { directory: directory(), jobs: 200 }) // not counted
  const figures = await interleave(
    both,
    rounds,
    (peer) => jobsThrough(peer, { directory: directory(), jobs }),
    (round) => tell('jobs', round),
  )
  return jobSteps.flatMap((step) => {
    const [ours, theirs] = both.map((peer) => figures.get(peer).map((round) => round[step]))
    const what = `jobs ${step}`
    return [
      { what, peer: holdfastJobs.name, 'a second': spread(ours) },
      { what, peer: pgBossJobs.name, 'a second': spread(theirs), 'holdfast ÷ peer': ratio(ours, theirs) },
    ]
  })
}

/** How many a second are added, taken and completed, each step by all callers before the next begins. */
async function jobsThrough(peer, { directory, jobs }) {
  await schemas.make(directory)
  const store = await peer.open(directory)
  const given = eventsOf(streamName(0), jobs).map(({ data }) => data)
  const taken = []
  const steps = {
    added: () => store.add(given.pop()),
    taken: async () => taken.push((await store.take()) ?? noJob(peer)),
    completed: () => store.complete(taken.pop()),
  }
  const perSecond = {}
  let allSeconds = 0
  for (const [step, work] of Object.entries(steps)) {
    const seconds = await secondsOf(work, jobs)
    if (step === 'taken') mustEqual(new Set(taken.map(({ id }) => id)).size, jobs, `${peer.name}: jobs taken once`)
    perSecond[step] = jobs / seconds
    allSeconds += seconds
  }
  await store.mustBeCompleted(jobs)
  await store.close()
  await schemas.remove(directory)
  return { ...perSecond, 'through all three': jobs / allSeconds }
}

async function secondsOf(work, times) {
  let left = times
  const began = performance.now()
  const call = async () => {
    while (left-- > 0) await work()
  }
  await Promise.all(Array.from({ length: jobCallers }, call))
  return (performance.now() - began) / 1_000
}

function noJob({ name }) {
  throw new Error(`${name}: no job is there, though there should be one`)
}

function rowsOf(what, figures) {
  return [...figures.keys()].map((name) => {
    const row = { what, peer: peers[name].name, 'a second': spread(figures.get(name)) }
    return name === ours ? row : { ...row, 'holdfast ÷ peer': ratio(figures.get(ours), figures.get(name)) }
  })
}

function ratioOf(rows, what, peer) {
  return rows.find((row) => row.what === what && row.peer === peer)['holdfast ÷ peer'].median
}
