// Whether a process is dead for certain, told from what can be seen on this host. A table of cases, first that fits; it
// decides whether what a process had in hand may be taken at once, so everything in doubt counts as 'unknown'.
//
// A process leaves a mark that others read: which start of which kernel it runs on, in which namespace its pid counts, its
// pid, and when it was started, since pids are given out again. Beside that it leaves a note on this host (processes.ts):
// without it, a mark says nothing. Two machines that were restored from one snapshot of a running one have the same boot id
// and the same pids, and a process is missing on one of them only because it runs on the other.
//
// Not proven, on purpose: that a host was booted anew. Machine ids are copied with images and disks are shared, so another
// boot id may well be another host; and a boot mostly takes longer than a lease.

export interface ProcessMark {
  /** Of the kernel, since it was started. */
  readonly boot: string
  /** Those in which pids and times of processes count. */
  readonly namespaces: string
  readonly pid: number
  /** When it was started, as its kernel counts. */
  readonly started: string
  readonly nonce: string
}

/** What there is under a pid: nothing, a process that was started then, or something that can't be looked at. `hasEnded`: all
 * of its threads have; its parent has only not heard of it yet. */
export type PidLook = 'nothing' | 'hidden' | { readonly started: string; readonly hasEnded: boolean }

/** What one process can see of another. */
export interface DeathFacts {
  /** undefined: this is no mark. */
  readonly mark: ProcessMark | undefined
  /** undefined: this host has no such identity. */
  readonly here: Pick<ProcessMark, 'boot' | 'namespaces'> | undefined
  /** The note that the process left is on this host. */
  readonly hasNote: boolean
  /** Under its pid; looked at once, so that all cases judge the same. */
  readonly seen: PidLook
}

export type Verdict = 'dead' | 'alive' | 'unknown'

export interface DeathCase {
  readonly name: string
  readonly verdict: Verdict
  readonly fits: (facts: DeathFacts) => boolean
}

export const deathCases: readonly DeathCase[] = [
  { name: 'no mark', verdict: 'unknown', fits: ({ mark }) => mark === undefined },
  { name: 'no identity here', verdict: 'unknown', fits: ({ here }) => here === undefined },
  { name: 'another boot', verdict: 'unknown', fits: ({ mark, here }) => mark?.boot !== here?.boot },
  { name: 'other namespaces', verdict: 'unknown', fits: ({ mark, here }) => mark?.namespaces !== here?.namespaces },
  { name: 'no note', verdict: 'unknown', fits: ({ hasNote }) => !hasNote },
  { name: 'hidden', verdict: 'unknown', fits: ({ seen }) => seen === 'hidden' },
  { name: 'no such process', verdict: 'dead', fits: ({ seen }) => seen === 'nothing' },
  {
    name: 'its pid has another',
    verdict: 'dead',
    fits: ({ mark, seen }) => typeof seen === 'object' && seen.started !== mark?.started,
  },
  // Nothing of it runs any more. Where no parent waits for its children, as in many a container, it stays so for ever.
  {
    name: 'ended, and not waited for',
    verdict: 'dead',
    fits: ({ seen }) => typeof seen === 'object' && seen.hasEnded,
  },
  // Also when it is stopped.
  { name: 'there', verdict: 'alive', fits: ({ seen }) => typeof seen === 'object' },
]

export function judgeDeath(facts: DeathFacts): DeathCase {
  return deathCases.find(({ fits }) => fits(facts)) ?? undecided
}

const undecided: DeathCase = { name: 'undecided', verdict: 'unknown', fits: () => true }

export function markText({ boot, namespaces, pid, started, nonce }: ProcessMark): string {
  return [boot, namespaces, pid, started, nonce].join('.')
}

// It may come from a database that others write to, and names a file: nothing but digits passes.
const markShape = /^([0-9a-f]{32})\.(\d{1,20}-\d{1,20})\.([1-9]\d{0,9})\.(\d{1,20})\.([0-9a-f]{16,64})$/

export function parseMark(text: string): ProcessMark | undefined {
  const [, boot, namespaces, pid, started, nonce] = markShape.exec(text) ?? []
  if (boot === undefined || namespaces === undefined || started === undefined || nonce === undefined) return undefined
  return { boot, namespaces, pid: Number(pid), started, nonce }
}
