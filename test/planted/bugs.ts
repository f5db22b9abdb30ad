// One-line durability defects, each as a replacement in one file, with the tests that must find it. They prove that the
// harness bites: a sweep that passes with one of these in place proves nothing.

import { scenarios } from '../crash/scenarios.ts'

export interface PlantedBug {
  readonly name: string
  readonly file: string
  /** Must stand in the file exactly once. */
  readonly from: string
  readonly to: string
  /** Test files, and which of their scenarios: the quickest that must fail. */
  readonly tests: readonly string[]
  readonly scenario?: string
}

const faults: readonly string[] = ['test/faults/faults.test.ts']
const running: readonly string[] = ['test/proof/memory.test.ts']
const copying: readonly string[] = ['test/copy/crash.test.ts']

/** The one of the two files that plays the scenario. */
function crash(scenario: string): Pick<PlantedBug, 'tests' | 'scenario'> {
  const half = scenarios.findIndex(({ name }) => name === scenario) % 2 === 0 ? 'even' : 'odd'
  return { tests: [`test/crash/crash-${half}.test.ts`], scenario }
}

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'acknowledged before the write has resolved',
    file: 'src/engine/writer.ts',
    from: '      await written\n',
    to: '      void written.catch(() => undefined)\n',
    ...crash('single appends'),
  },
  {
    name: 'the durable place published before the sync',
    file: 'src/engine/writer.ts',
    from: '      const written = writeFully(active.file, bytes, active.bytes)\n',
    to: '      this.#parts.mark.publish({ ...this.#durablePlace(), bytes: active.bytes + bytes.length })\n      const written = writeFully(active.file, bytes, active.bytes)\n',
    ...crash('single appends'),
  },
  {
    name: 'a new segment whose name is not synced',
    file: 'src/engine/active-segment.ts',
    from: '      await disk.syncDirectory(folders.segments)\n',
    to: '',
    ...crash('rotate'),
  },
  {
    name: 'names that a killed process left taken for durable',
    file: 'src/engine/open-log.ts',
    from: '  await disk.syncDirectory(folders.segments)\n',
    to: '',
    ...crash('rotate'),
  },
  {
    name: 'a readable tail served without being written anew',
    file: 'src/core/recovery-table.ts',
    from: '    when: (facts) => facts.complete === facts.fileBytes,\n    then: { refuse: false, setAside: false, cut: true, carry: true },',
    to: '    when: (facts) => facts.complete === facts.fileBytes,\n    then: { refuse: false, setAside: false, cut: false, carry: false },',
    ...crash('single appends'),
  },
  {
    name: 'a tail cut without being carried',
    file: 'src/engine/take-over.ts',
    from: 'to: verdict.then.carry ? tail.complete : tail.witness }',
    to: 'to: tail.witness }',
    ...crash('single appends'),
  },
  {
    name: 'the tail cut before its new segment is durable',
    file: 'src/engine/take-over.ts',
    from: '  const active = await closedIfFailed(old.file, () =>\n',
    to: '  if (tail.fileBytes > tail.witness) await cutFile(disk, segment.path, tail.witness)\n  const active = await closedIfFailed(old.file, () =>\n',
    ...crash('reopen after crashes'),
  },
  {
    name: 'a command id written apart from its events',
    file: 'src/engine/staging.ts',
    from: 'controlBody(control, left > 0)',
    to: 'controlBody(control, false)',
    ...crash('batches'),
  },
  {
    name: 'batches that are not joined',
    file: 'src/engine/staging.ts',
    from: 'encodeEventTail(event), left > 0)',
    to: 'encodeEventTail(event), false)',
    ...crash('batches'),
  },
  {
    name: 'the fence not looked at',
    file: 'src/engine/writer.ts',
    from: '      if (this.#parts.disk.existsNow(this.#nextFence)) throw superseded(this.#parts.disk)\n',
    to: '',
    ...crash('takeover'),
  },
  {
    name: 'the lock ignored',
    file: 'src/engine/owner.ts',
    from: '  if (!takeover) throw await locked(disk)\n',
    to: '  if (!takeover) return { fence: newest, lock: { release: async () => undefined } }\n',
    ...crash('takeover'),
  },
  {
    name: 'a failed writer that goes on',
    file: 'src/engine/writer.ts',
    from: '    this.#queue.refuseAll(failure)\n    this.#idleWaiters.tell()\n    this.#turns.tell()\n    this.#parts.events.failed(failure)\n',
    to: '    this.#queue.refuseAll(failure)\n    this.#idleWaiters.tell()\n    this.#turns.tell()\n    this.#parts.events.failed(failure)\n    this.#failure = undefined\n',
    tests: faults,
    scenario: 'mending in place',
  },
  {
    name: 'what was pending when a write failed taken for refused',
    file: 'src/engine/failure.ts',
    from: "new HoldfastError('INDETERMINATE',",
    to: "new HoldfastError('LATCHED',",
    tests: faults,
    scenario: 'single appends',
  },
  {
    name: 'a short count taken for a whole write',
    file: 'src/disks/whole-io.ts',
    from: '  while (done < from.length) {\n    const count = await file.write(',
    to: '  while (done === 0) {\n    const count = await file.write(',
    tests: faults,
    scenario: 'single appends',
  },
  {
    name: 'a rewritten segment put in place before its record is durable',
    file: 'src/engine/rewrite-segment.ts',
    from: "    await writer.control((time: TimeMs) => {\n      rewrite = { ...base, time }\n      return [rewrite]\n    })\n    assert(rewrite !== undefined, 'the record was made when it was laid out')\n    // A reader that meets the new file must find the record that vouches for it when it opens the log anew, also behind a\n    // power cut that the new name survived and the published place did not: so the log itself says that it is durable.\n    await writer.witness()\n    await writer.shown()\n    await putInPlace(disk, rewrite)\n",
    to: "    await putInPlace(disk, { ...base, time: 0 })\n    await writer.control((time: TimeMs) => {\n      rewrite = { ...base, time }\n      return [rewrite]\n    })\n    assert(rewrite !== undefined, 'the record was made when it was laid out')\n",
    ...crash('retention'),
  },
  {
    name: 'a rewritten file whose name is not durable when the log names it',
    file: 'src/engine/rewrite-segment.ts',
    from: '      await disk.syncDirectory(folders.segments)\n',
    to: '',
    ...crash('retention'),
  },
  {
    name: 'lines read without their checksums',
    file: 'src/engine/sequential-read.ts',
    from: "    throw damaged(view.disk, segment.path, lines.offset, 'line-checksum', 'the line does not match its checksum')\n",
    to: '    return 0\n',
    tests: ['test/flip/flip-odd.test.ts'],
  },
  {
    name: 'the published durable place not counted as a witness',
    file: 'src/engine/active-end.ts',
    from: 'if (mark !== undefined && mark.segment === segment.facts.name && mark.bytes >= floor) {',
    to: "if (mark !== undefined && mark.segment === 'none' && mark.bytes >= floor) {",
    tests: ['test/flip/flip-even.test.ts'],
  },
  {
    name: 'bytes cut without a copy',
    file: 'src/engine/take-over.ts',
    from: '  const asidePath = verdict.then.setAside\n',
    to: '  const asidePath = verdict.then.setAside && tail.fileBytes < 0\n',
    tests: ['test/flip/flip-even.test.ts'],
  },
  {
    name: 'caches of another journal trusted blindly',
    file: 'src/engine/note.ts',
    from: 'json.journal !== identity.journal || json.epoch !== identity.epoch',
    to: 'json.journal === undefined',
    tests: ['test/flip/other-files.test.ts'],
  },
  {
    name: 'a backup that takes its name before its content is durable',
    file: 'src/engine/backup.ts',
    from: '      await into.sync()\n',
    to: '',
    ...crash('backup'),
  },
  {
    name: 'lines not held to the one before them',
    file: 'src/engine/sequential-read.ts',
    from: '  if (previous !== undefined && line.link !== previous) {',
    to: '  if (previous !== undefined && line.link === undefined) {',
    tests: ['test/flip/flip-odd.test.ts'],
  },
  {
    name: 'cut at the first bad line, whatever stands behind it',
    file: 'src/engine/tail-scan.ts',
    from: "    if (line.join === 'sync') this.#meetWitness(offset)\n    if (this.#badAt !== undefined) return\n",
    to: "    if (this.#badAt !== undefined) return\n    if (line.join === 'sync') this.#meetWitness(offset)\n",
    tests: ['test/flip/flip-even.test.ts'],
  },
  {
    name: 'a reader shown what stands above the durable place',
    file: 'src/engine/open-log.ts',
    from: 'to: tail.witness, sum: header.sum',
    to: 'to: tail.complete, sum: header.sum',
    tests: ['test/sim/sim.test.ts'],
  },
  {
    name: 'a copy finished before its source is marked',
    file: 'src/transfer/copy.ts',
    from: '      if (!isMarked) await this.#store.relocate(moving)\n',
    to: '',
    tests: copying,
  },
  {
    name: 'a finished copy that a killed process left taken for durable',
    file: 'src/stores/file/copy-target.ts',
    from: "  if (identity?.copy !== undefined || note !== undefined) await disk.syncDirectory('')\n",
    to: '',
    tests: copying,
  },
  {
    name: 'a mark whose name is not synced',
    file: 'src/engine/moved-file.ts',
    from: "summedLine({ holdfast: formatVersion, state, to, copy, time }))\n  await disk.syncDirectory('')\n",
    to: 'summedLine({ holdfast: formatVersion, state, to, copy, time }))\n',
    tests: copying,
  },
  {
    name: 'the state of an interrupted copy kept for the next one',
    file: 'src/engine/kept-segments.ts',
    from: '      if (found.length === max || !(await isHistory(disk, before))) break\n',
    to: '      if (found.length === max) break\n',
    tests: ['src/engine/kept-segments.test.ts'],
  },
  {
    name: 'a continued copy that is not compared',
    file: 'src/transfer/copy.ts',
    from: '      if (copied?.differing.length === 0) return copied\n',
    to: '      if (copied !== undefined) return copied\n',
    tests: copying,
  },
  {
    name: 'a source that takes writes before its unfinished copy is removed',
    file: 'src/transfer/copy-abandon.ts',
    from: '  if (marked !== undefined) mustBeThere(source, target, marked)\n',
    to: '  if (marked !== undefined) await store.relocate(undefined)\n',
    tests: ['test/copy/outcomes.test.ts', 'test/copy/crash.test.ts'],
  },
  {
    name: 'in a run: a tool called without its intent',
    file: 'src/runs/tool-work.ts',
    from: "    if (this.#terms.effect === 'pure') {\n",
    to: "    if (this.#terms.effect !== 'reversible') {\n",
    tests: running,
  },
  {
    name: 'in a run: a call that was cut off made again, though it is once',
    file: 'src/runs/tool-work.ts',
    from: "this.#terms.effect === 'idempotent' && this.#openEffect === 'idempotent'\n",
    to: "this.#openEffect !== 'reversible'\n",
    tests: running,
  },
  {
    name: 'in a run: a reversible call that was cut off made again without being undone',
    file: 'src/runs/tool-work.ts',
    from: 'this.#isUndoneHere) this.#startUndo(undefined)\n',
    to: 'this.#isUndoneHere) this.#execution.make(runEvents.toolVerified, { key, done: false })\n',
    tests: running,
  },
  {
    name: 'in a run: attempts that failed before a restart forgotten',
    file: 'src/runs/step-work.ts',
    from: '      this.#failures = Number(data.attempt)\n',
    to: '      this.#failures = this.#isStarted ? Number(data.attempt) : 0\n',
    tests: running,
  },
  {
    name: 'in a run: chance drawn anew by a replay',
    file: 'src/runs/active-run.ts',
    from: 'new RunChance(created.seed)',
    to: 'new RunChance(this.#ground.host.random.hex(16))',
    tests: running,
  },
  {
    name: 'in a run: history met without a turn between two of its events',
    file: 'src/runs/execution.ts',
    from: 'if (settlement !== undefined) return this.#turn(() => this.#asks.settle(ask.key, settlement))',
    to: 'if (settlement !== undefined) this.#asks.settle(ask.key, settlement)',
    tests: running,
  },
  {
    name: 'in a run: an end that leaves it on the agenda',
    file: 'src/runs/run-ending.ts',
    from: '[{ id: agendaId, due: null }, ...left.agenda]',
    to: '[...left.agenda]',
    tests: running,
  },
  {
    name: 'in a run: what rested with a killed process kept back by its lease',
    file: 'src/runs/worker.ts',
    from: 'else if (this.#ground.clock.now() < this.#formerUntil) await',
    to: 'else if (this.#formerUntil < 0) await',
    tests: ['src/runs/workers.test.ts'],
  },
]
