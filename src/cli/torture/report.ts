// What a run found, as figures and as text for people.

export interface Report {
  readonly seed: number
  readonly seconds: number
  /** Writers that were killed. */
  readonly rounds: number
  readonly acknowledged: number
  readonly events: number
  /** What is wrong; the run ends with the first. */
  readonly problems: readonly string[]
  /** Copies whose unsynced end was torn, and that lost nothing. */
  readonly tornTails: number
  readonly flips: {
    readonly tried: number
    /** Verification found it, or opening or reading refused with an error that says where. */
    readonly detected: number
    /** All events were read unchanged: the bit stood in what is made again, or says nothing. */
    readonly harmless: number
  }
  /** It was stopped before its time. */
  readonly stopped: boolean
  /** Where the files are, when they were left. */
  readonly directory?: string
}

export function reportText(report: Report): string {
  const { seed, seconds, rounds, acknowledged, events, problems, tornTails, flips, stopped, directory } = report
  const lost = problems.length === 0 ? 'none lost' : 'LOST'
  return [
    `${count(rounds, 'writer')} killed in ${seconds.toFixed(0)} s${stopped ? ' (stopped)' : ''}, seed ${seed}`,
    `${figure(acknowledged)} acknowledged appends, ${figure(events)} events: ${lost}`,
    `${count(tornTails, 'torn end')}: nothing acknowledged lost`,
    `${count(flips.tried, 'flipped bit')}: ${figure(flips.detected)} detected, ${figure(flips.harmless)} harmless, ${problems.length === 0 ? 'none' : 'SEE BELOW'} unnoticed`,
    ...problems.map((problem) => `PROBLEM: ${problem}`),
    ...(problems.length > 0 ? ['This must not happen: please report it, with the seed and the files.'] : []),
    ...(directory === undefined ? [] : [`The files are in ${directory}`]),
  ].join('\n')
}

/** The same in one line, while it runs. */
export function progressText({ seconds, rounds, acknowledged, tornTails, flips, problems }: Report): string {
  const parts = [
    `${seconds.toFixed(0)} s`,
    `${count(rounds, 'writer')} killed`,
    `${figure(acknowledged)} acknowledged`,
    `${problems.length} lost`,
    count(tornTails, 'torn end'),
    `${flips.detected} of ${count(flips.tried, 'flipped bit')} detected, ${flips.harmless} harmless`,
  ]
  return parts.join(' · ')
}

function figure(number: number): string {
  return number.toLocaleString('en-US')
}

function count(number: number, what: string): string {
  return `${figure(number)} ${what}${number === 1 ? '' : 's'}`
}
