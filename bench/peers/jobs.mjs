// Jobs, added, taken by one worker and completed: pg-boss, and what a worker does with Holdfast's public calls, on the
// PostgreSQL store. Both commit each step durably, give a job to one worker at a time, and give it again when that
// worker is gone: after a time limit, which both note when it is taken.
//
// With Holdfast a job is a stream of its own, and an entry of the agenda that says when it is due. Taking it claims the
// entry, which is then leased for the time limit; completing it appends to the stream under that lease's fence, clears the
// entry and releases the lease, and is refused when the job was given to another meanwhile. What the journal keeps is the
// history of each job.
//
// pg-boss does more that is not asked of it here (retries with pauses, priorities, dead letters, schedules), and its
// maintenance is switched off. Its pool has as many connections as it has by default, 10; 16 brought no more.

import { open } from '../../dist/index.js'
import { mustEqual } from '../measure.mjs'
import { journalUrl, schemaNamed } from '../places.mjs'
import { postgresUrl, versionOf } from '../postgres-server.mjs'

const queue = 'jobs'
const limitMs = 60_000

export const holdfastJobs = {
  name: 'holdfast, PostgreSQL',
  async open(directory) {
    return new HoldfastJobs(await open(journalUrl(directory)))
  },
}

export const pgBossJobs = {
  name: `pg-boss ${versionOf('pg-boss')}`,
  async open(directory) {
    const { PgBoss } = await import('pg-boss')
    const boss = new PgBoss({
      connectionString: postgresUrl(),
      schema: schemaNamed(directory),
      supervise: false,
      schedule: false,
    })
    await boss.start()
    await boss.createQueue(queue, { expireInSeconds: limitMs / 1_000 })
    return new PgBossJobs(boss)
  },
}

class HoldfastJobs {
  #journal
  #added = 0

  constructor(journal) {
    this.#journal = journal
  }

  async add(data) {
    const id = `job/${++this.#added}`
    const agenda = [{ id, due: Date.now(), data }]
    await this.#journal.append(id, { type: 'job.added', data }, { expect: 'none', agenda })
  }

  /** undefined: none is due. */
  async take() {
    const [job] = await this.#journal.agenda.claim({ owner: 'worker', ttl: limitMs, prefix: 'job/' })
    return job
  }

  async complete({ id, fence }) {
    const leases = [{ lease: fence.lease, release: fence.token }]
    await this.#journal.append(id, { type: 'job.completed' }, { fence, leases, agenda: [{ id, due: null }] })
  }

  async mustBeCompleted(count) {
    mustEqual((await this.#journal.agenda.list()).length, 0, 'jobs that are left')
    mustEqual((await this.#journal.head()).position, 2 * count, 'events of jobs')
    mustEqual((await this.#journal.tail(1))[0].type, 'job.completed', 'what was done last')
  }

  close() {
    return this.#journal.close()
  }
}

class PgBossJobs {
  #boss

  constructor(boss) {
    this.#boss = boss
  }

  async add(data) {
    if ((await this.#boss.send(queue, data)) === null) throw new Error('pg-boss: a job was not added')
  }

  async take() {
    const [job] = await this.#boss.fetch(queue)
    return job
  }

  async complete({ id }) {
    await this.#boss.complete(queue, id)
  }

  async mustBeCompleted(count) {
    const jobs = await this.#boss.findJobs(queue)
    mustEqual(jobs.filter(({ state }) => state === 'completed').length, count, 'pg-boss: jobs completed')
  }

  async close() {
    await this.#boss.stop({ graceful: false })
  }
}
