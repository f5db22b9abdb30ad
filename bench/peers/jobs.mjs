// Jobs, added, taken by one worker and completed: pg-boss, and what a worker can do today with Holdfast's public calls, on
// the PostgreSQL store. Both commit each step durably, give a job to one worker at a time, and give it again when that
// worker is gone: after a time limit, which pg-boss notes with the job as well.
//
// With Holdfast a job is a stream of its own, and an entry of the agenda that says when it is due. Taking it appends to
// the stream and moves the entry to the end of the time limit; the stream's expected seq lets one of several
// takers succeed, and refuses a completion by a worker whose job was given to another meanwhile. Completing it clears the
// entry. What the journal keeps is the history of each job. A process looks at the agenda for many entries at once.
//
// pg-boss does more that is not asked of it here (retries with pauses, priorities, dead letters, schedules), and its
// maintenance is switched off. Its pool has as many connections as it has by default, 10; 16 brought no more.

import { open } from '../../dist/index.js'
import { mustEqual } from '../measure.mjs'
import { journalUrl, schemaNamed } from '../places.mjs'
import { postgresUrl, versionOf } from '../postgres-server.mjs'

const queue = 'jobs'
const limitMs = 60_000
const lookedAt = 200

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
  #found = []
  /** Taken here, or about to be: an entry that was seen due may be one of these. */
  #taken = new Set()
  #looking

  constructor(journal) {
    this.#journal = journal
  }

  async add(data) {
    const id = `job/${++this.#added}`
    const agenda = [{ id, due: Date.now(), data: { seq: 1, data } }]
    await this.#journal.append(id, { type: 'job.added', data }, { expect: 'none', agenda })
  }

  /** undefined: none is due. */
  async take() {
    for (;;) {
      if (this.#found.length === 0) await this.#look()
      const entry = this.#found.shift()
      if (entry === undefined) return undefined
      this.#taken.add(entry.id)
      const { seq, data } = entry.data
      const agenda = [{ id: entry.id, due: Date.now() + limitMs, data: { seq: seq + 1, data } }]
      try {
        await this.#journal.append(entry.id, { type: 'job.taken' }, { expect: seq, agenda })
        return { id: entry.id, seq: seq + 1, data }
      } catch (error) {
        if (error.code !== 'SEQ_CONFLICT') throw error // else another worker has it
      }
    }
  }

  async complete({ id, seq }) {
    await this.#journal.append(id, { type: 'job.completed' }, { expect: seq, agenda: [{ id, due: null }] })
    this.#taken.delete(id)
  }

  #look() {
    this.#looking ??= this.#journal.agenda.due({ prefix: 'job/', limit: lookedAt }).then((entries) => {
      this.#found = entries.filter(({ id }) => !this.#taken.has(id))
      this.#looking = undefined
    })
    return this.#looking
  }

  async mustBeCompleted(count) {
    mustEqual((await this.#journal.agenda.list()).length, 0, 'jobs that are left')
    mustEqual((await this.#journal.head()).position, 3 * count, 'events of jobs')
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
