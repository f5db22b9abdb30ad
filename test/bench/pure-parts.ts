// The parts of bench/ that only calculate or make text, with the types that they are used by here. They are loaded at run
// time, because bench/ is plain JavaScript with packages of its own, of which these parts need none.

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly values: readonly number[]
}

interface Measure {
  interleave<P, R>(
    peers: readonly P[],
    rounds: number,
    measure: (peer: P, round: number) => Promise<R>,
    tell?: (round: number) => void,
  ): Promise<ReadonlyMap<P, readonly R[]>>
  spread(values: readonly number[]): Spread
  percentile(values: readonly number[], share: number): number
  ratio(ours: readonly number[], theirs: readonly number[]): Spread
  difference(ours: readonly number[], theirs: readonly number[]): Spread
  exponent(points: readonly (readonly [size: number, cost: number])[]): number | undefined
}

export interface Result {
  readonly work: string
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  readonly notes?: readonly string[]
  readonly targets?: readonly unknown[]
}

interface Table {
  tableText(result: Result): string
  figure(value: number): string
}

interface Plot {
  plotSvg(chart: {
    readonly title: string
    readonly xLabel: string
    readonly yLabel: string
    readonly series: readonly {
      readonly label: string
      readonly note: string
      readonly points: readonly (readonly [number, number])[]
    }[]
  }): string
  decades(values: readonly number[]): readonly [number, number]
  along(range: readonly [number, number], value: number): number
}

interface Machine {
  mountedAt(path: string, mountinfo: string): string | undefined
  isInMemory(fileSystem: string): boolean
}

interface Targets {
  atLeast(name: string, found: number, least: number): { readonly isMet: boolean }
  atMost(name: string, found: number, most: number): { readonly isMet: boolean }
}

interface Readme {
  readmeTables(report: {
    readonly rounds: number
    readonly machine: Readonly<Record<string, unknown>>
    readonly wanted?: readonly string[]
    readonly results: readonly Result[]
  }): string
}

interface Appending {
  appendFor(
    store: {
      append(event: unknown): Promise<{ readonly seq: number }>
      seqOf(receipt: { readonly seq: number }): number
    },
    work: {
      readonly name: string
      readonly pools: readonly (readonly unknown[])[]
      readonly ms: number
      readonly begin?: () => Promise<void>
    },
  ): Promise<{ readonly perSecond: number; readonly appended: number }>
}

/** Of all steps, of the first tenth, of the last. */
interface StepFigures {
  readonly stepUs: number
  readonly firstUs: number
  readonly lastUs: number
}

interface Steps {
  readonly StepClock: new (
    steps: number,
    now: () => number,
  ) => { mark(): void; stop(): void; go(): void; readonly count: number; figures(): StepFigures }
}

interface Row {
  readonly peer?: string
  readonly [column: string]: unknown
}

export interface Target {
  readonly name: string
  readonly found: number
  readonly isMet: boolean
}

interface RunSteps {
  rowsOf(steps: number, figures: ReadonlyMap<string, readonly (StepFigures & { raw?: StepFigures })[]>): readonly Row[]
  stepTargets(rows: readonly Row[]): readonly Target[]
  fastestOf(rows: readonly Row[]): Row | undefined
}

interface Processes {
  inProcess(
    program: string,
    task: { readonly task: string },
    options?: { readonly ready?: () => Promise<void>; readonly patienceMs?: number },
  ): Promise<unknown>
}

interface ResumedRuns {
  against(own: readonly { readonly ms: number }[], ms: number | undefined): Row
  resumedTargets(rows: readonly Row[]): readonly Target[]
}

interface Engines {
  peersFor(scale: string): readonly string[]
  stepsBehindKill(name: string, steps: number): number
  stepsOf(name: string, steps: number): number
  stepsAtOnce(name: string, steps: number): number
  labelOf(name: string): string
}

interface Places {
  schemaNamed(directory: string): string
}

interface Scratch {
  makeScratch(directory: string, options: { readonly mayBeInMemory: boolean }): string
  removeScratch(scratch: string): void
  leftBehind(directory: string, isAlive?: (pid: number) => boolean): readonly string[]
  makeDirectory(path: string): void
}

interface Output {
  mustBeWritable(path: string): void
  writeOutput(path: string, content: string): void
}

interface Failure {
  failureText(error: unknown): string
}

interface ProgressParts {
  readonly Progress: new (host: {
    readonly stream: { readonly isTTY: boolean; write(text: string): void }
    readonly now: () => number
  }) => { begin(work: string): void; tell(row: string, round?: number): void; again(): void; clear(): void }
}

async function load<T>(name: string): Promise<T> {
  return (await import(new URL(`../../bench/${name}.mjs`, import.meta.url).href)) as T
}

export const measure: Measure = await load('measure')
export const table: Table = await load('table')
export const plot: Plot = await load('plot')
export const appending: Appending = await load('appending')
export const steps: Steps = await load('step-clock')
export const runSteps: RunSteps = await load('works/run-steps')
export const resumedRuns: ResumedRuns = await load('works/resumed-runs')
export const processes: Processes = await load('task-process')
export const engines: Engines = await load('peers/engines')
export const places: Places = await load('places')
export const machine: Machine = await load('machine')
export const targets: Targets = await load('targets')
export const readme: Readme = await load('readme-table')
export const progress: ProgressParts = await load('progress')
export const scratch: Scratch = await load('scratch')
export const output: Output = await load('output')
export const failure: Failure = await load('failure')
