// One journal with one run that lives through several processes, each killed somewhere, until it has ended; what happened
// outside; and how that is judged.

import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { open } from '../../src/open.ts'
import { judge, type Lives, type Undisturbed } from './judge.ts'
import { isParked, staysParked } from './label.mjs'
import { longRun, longRunOf } from './long-run.mjs'
import type { RecordedEvent } from './outcome.ts'
import { Outside, type OutsideLine, runOf } from './outside.mjs'
import { Person } from './person.ts'
import { type FailpointHit, type LifePlan, type Point, RunProcess } from './run-process.ts'

export type RunPlace = Omit<LifePlan, 'point' | 'failpoint'>

/** What a person has to look at. */
const forPeople: readonly string[] = ['run.created', 'run.wait', 'run.parked', 'run.tool-ambiguous']
/** More than any life takes, on any machine: what takes longer hangs. */
const hangsAfterMs = 60_000
/** More than it takes until a run is parked. Where that is behind it, a person who is slow would wait in vain. */
const patienceMs = 10_000
const storedMs = 200

export class KilledRun {
  readonly #place: RunPlace
  readonly #person: Person
  /** Each life, for the message of a failure. */
  readonly told: string[] = []
  kills = 0

  constructor(place: RunPlace) {
    this.#place = place
    appendFileSync(place.record, '')
    this.#person = new Person(place.target, () => this.lines)
  }

  get lines(): readonly OutsideLine[] {
    if (!existsSync(this.#place.record)) return []
    return readFileSync(this.#place.record, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as OutsideLine)
  }

  begin(plan: Pick<LifePlan, 'point' | 'failpoint'> = {}): RunProcess {
    return new RunProcess({ ...this.#place, ...plan }, ({ type }) => {
      if (forPeople.includes(type)) this.#person.look()
    })
  }

  /** One life. Throws when it ends otherwise than with the run, or by a kill where there should be one. `slowly`: a person
   * tells the run something while it is parked, and only then what lets it go on. */
  async live(
    stop: { readonly point?: Point; readonly failpoint?: FailpointHit; readonly slowly?: boolean } = {},
  ): Promise<RunProcess> {
    const { point, failpoint, slowly = point !== undefined && staysParked(point.label) } = stop
    const life = this.begin({
      ...(point === undefined ? {} : { point: { ...point, signal: 'SIGKILL' } }),
      ...(failpoint === undefined ? {} : { failpoint }),
    })
    this.#person.hesitate(async ({ kind, name }) => {
      if (slowly && name === 'early') await said(life, isParked)
      if (slowly && kind === 'raise') await said(life, staysParked)
    })
    this.#person.look()
    let hasHung = false
    const hangs = setTimeout(() => {
      hasHung = true
      life.signal('SIGKILL')
    }, hangsAfterMs)
    await life.ended()
    clearTimeout(hangs)
    const isPlanned = point !== undefined || failpoint !== undefined
    const where = point === undefined ? failpoint?.name : `${point.when} ${point.label}`
    this.told.push(`${where ?? 'to the end'}: ended with ${life.end}`)
    if (life.errors.length > 0) throw new Error(`${this.told.join('; ')}: ${life.errors.join()}`)
    // Where a person has given up, the run waits for it in vain.
    if (this.#person.errors.length > 0) throw this.#person.errors[0]
    if (life.end === 'SIGKILL' && isPlanned && !hasHung) this.kills += 1
    else if (life.end !== '0' || !life.isDone)
      throw new Error(`it hangs or fails: ${this.told.join('; ')}; ${cameTo(life)}`)
    return life
  }

  /** A life that is killed so long after it has opened the journal. Whether it lived until then. */
  async killedWithin(ms: number): Promise<boolean> {
    const life = this.begin()
    this.#person.look()
    await life.until(() => life.isOpen)
    await new Promise((resolve) => setTimeout(resolve, ms))
    await life.kill()
    this.told.push(`killed after ${ms} ms: ended with ${life.end}`)
    if (life.errors.length > 0) throw new Error(life.errors.join())
    return !life.isDone
  }

  /** What it has come to. Throws when the journal is not sound, or its owner has left something behind. */
  async ended(): Promise<Lives> {
    await this.#person.leave()
    if (this.#person.errors.length > 0) throw this.#person.errors[0]
    const { target, fails } = this.#place
    await using journal = await open(target)
    const events = await journal.read({ prefix: 'run/' }).toArray()
    const lines = this.lines
    const finding = (await journal.verify()).findings.find(({ severity }) => severity !== 'note')
    if (finding !== undefined) throw new Error(`verify() finds ${JSON.stringify(finding)}`)
    const left = await journal.agenda.list({ prefix: 'run/' })
    if (left.length > 0) throw new Error(`left on the agenda: ${JSON.stringify(left)}`)
    // What is done is not done again: a replay asks for nothing that the record doesn't have.
    const silent = new Outside([], (line) => void (line.is === 'call' && fail(`called: ${JSON.stringify(line)}`)))
    const checked = await journal.check(longRun.id, longRunOf(silent, { fails }))
    if (!checked.ok) throw new Error(`a replay gives ${JSON.stringify(checked)}`)
    return {
      lines,
      effects: new Outside(lines, () => undefined).effects,
      events: events.map(({ stream, seq, type, data }) => {
        return { run: runOf(stream), seq, type, data: data as RecordedEvent['data'] }
      }),
    }
  }

  /** Throws what is wrong with it. */
  async judged(expected: Undisturbed): Promise<void> {
    const found = judge(await this.ended(), expected)
    if (found.length > 0) throw new Error(found.join('\n'))
  }
}

/** Until an append with such a label is stored. */
async function said(life: RunProcess, isIt: (label: string) => boolean): Promise<void> {
  await Promise.race([life.until(() => life.appends.some(isIt)), pause(patienceMs, undefined, { ref: false })])
  await pause(storedMs)
}

function cameTo({ isOpen, appends }: RunProcess): string {
  const last = appends.at(-1)
  return last === undefined
    ? isOpen
      ? 'it appended nothing'
      : 'it never opened the journal'
    : `last it appended ${last}`
}

function fail(message: string): never {
  throw new Error(message)
}
