// What a run's function is given: everything that it does through `run` survives a restart.
//
// The function itself is called again from its first line after a crash, and everything that it has already done is
// answered from the journal. So, what it does between its calls of `run` must follow from what they returned: time,
// chance and the world come in through run.now(), run.random() and run.step().

import { parseDuration } from '../core/duration.ts'
import { checkName } from '../core/names.ts'
import type { StandardSchema } from '../core/schema.ts'
import { HoldfastError } from '../errors.ts'
import type { Duration } from '../journal/append-options.ts'
import { checkWhole, invalidArgument } from '../journal/argument.ts'
import { limits } from '../limits.ts'
import type { AskWork } from './ask.ts'
import { type Amounts, type Budgets, checkAmounts, checkBudgets } from './budget.ts'
import { ChildWork } from './child-work.ts'
import type { Execution } from './execution.ts'
import { NoteWork } from './note-work.ts'
import { type RetryOptions, retryPolicy } from './retry.ts'
import type { RunChance } from './run-chance.ts'
import { checkRunId, checkRunName, inlineName, type RunCreated, runEvents } from './run-event.ts'
import { SleepWork } from './sleep-work.ts'
import { SpendingWork } from './spending-work.ts'
import type { StepContext } from './step-context.ts'
import { KeyScope } from './step-key.ts'
import { StepWork } from './step-work.ts'
import type { ToolContext } from './tool-context.ts'
import { type ToolOptions, toolTerms } from './tool-terms.ts'
import { ToolWork } from './tool-work.ts'
import { WaitWork } from './wait-work.ts'

/** A run's function, as users write it. */
export type RunFunction<Input = unknown, Result = unknown> = (run: Run, input: Input) => Promise<Result>

export interface StepOptions<T = unknown> {
  /** The type of the event that records how it ended, for who follows the journal by types; 'run.step' by default.
   * What stands in it is the same. */
  readonly type?: string
  /** Recorded, and compared when the step is replayed: another input is other code (RUN_DIVERGED). */
  readonly input?: unknown
  /** How often it is tried again when it fails; not at all by default. */
  readonly retry?: number | RetryOptions
  /** An attempt that takes longer fails with STEP_TIMEOUT. */
  readonly timeoutMs?: number
  /** The result must match, and what the schema makes of it is the result. */
  readonly schema?: StandardSchema<unknown, T>
  /** What a result has cost, for the budgets of the run: recorded in the same event. */
  readonly charge?: (result: T) => Amounts
}

export interface WaitOptions<T = unknown> {
  /** After it, the wait ends with undefined. */
  readonly timeout?: Duration
  /** The signal's data must match; it must validate synchronously. */
  readonly schema?: StandardSchema<unknown, T>
}

export interface ChildOptions<Input = unknown> {
  /** `<id of the parent>/<key>` by default. */
  readonly id?: string
  /** What its function is called with. */
  readonly input?: Input
  /** The version of its code, for reports; by default that of its definition, where it has one. */
  readonly version?: string
  /** What it may spend itself. When a limit is reached, it is parked until journal.raise() with its id. What it has spent when
   * it ends, but for steps and time, its parent has spent too. */
  readonly budgets?: Budgets
}

export class Run {
  readonly id: string
  readonly #execution: Execution
  readonly #scope: KeyScope
  readonly #chance: RunChance

  constructor(execution: Execution, chance: RunChance, scope: KeyScope = new KeyScope()) {
    this.id = execution.terms.id
    this.#execution = execution
    this.#chance = chance
    this.#scope = scope
  }

  /** Aborted when the run is cancelled, has ended, or can't go on in this process. */
  get signal(): AbortSignal {
    return this.#execution.signal
  }

  /** Calls the function, once: its result is journaled before the promise resolves, and from then on the journal answers.
   * Its name, and which step of that name it is, are how it is recognised. */
  step<T>(name: string, call: (context: StepContext) => T | Promise<T>, options: StepOptions<T> = {}): Promise<T> {
    const { retry, timeoutMs, schema, type, charge } = options
    if (typeof call !== 'function') throw invalidArgument('the second argument of step', 'a function')
    const terms = {
      type: type === undefined ? runEvents.step : checkOwnType(type),
      call,
      input: 'input' in options ? { value: options.input } : undefined,
      retry: retryPolicy(retry),
      timeoutMs: timeoutMs === undefined ? undefined : checkWhole(timeoutMs, 'timeoutMs'),
      schema,
      charge: charge as ((result: unknown) => Amounts) | undefined,
    }
    return this.#ask(name, (key) => {
      return new SpendingWork(this.#execution, key, new StepWork(this.#execution, key, terms))
    })
  }

  /** Like a step, for what has an effect outside: what happens when it is cut off depends on the effect (docs/TOOLS.md). */
  tool<T>(name: string, options: ToolOptions<T>, call: (context: ToolContext) => T | Promise<T>): Promise<T> {
    const terms = toolTerms(options, call)
    return this.#ask(name, (key) => {
      return new SpendingWork(this.#execution, key, new ToolWork(this.#execution, key, terms))
    })
  }

  /** Counts what was spent, once, also when nobody has set a limit. What asks for a step or a tool while a limit is
   * reached is held until journal.raise(). */
  charge(amounts: Amounts): Promise<void> {
    return this.#note('charge', runEvents.charged, { charge: checkAmounts(amounts, 'amounts') })
  }

  /** What the run had spent when it was told what it knows by now; the same in every replay. */
  get spent(): Readonly<Record<string, number>> {
    return this.#execution.budget.spent
  }

  /** Waits, also while no process runs: when it is over, the run goes on. */
  sleep(duration: Duration): Promise<void> {
    const ms = parseDuration(duration, 'the duration of a sleep')
    return this.#sleepUntil(() => this.#execution.host.clock.now() + ms)
  }

  sleepUntil(time: Date | number): Promise<void> {
    const until = checkWhole(Number(time), 'the time of a sleep')
    return this.#sleepUntil(() => until)
  }

  /** Waits for a signal of this name; one that came before is taken at once. With `timeout`, undefined when it is over. */
  wait<T = unknown>(name: string, options: WaitOptions<T> = {}): Promise<T | undefined> {
    const { timeout, schema } = options
    const timeoutMs = timeout === undefined ? undefined : parseDuration(timeout, 'timeout')
    return this.#ask(name, (key) => {
      return new WaitWork(this.#execution, key, { name, timeoutMs, schema })
    })
  }

  /** Starts a run of its own and waits for its end: its result, or what it failed with. With the name of a run that is defined
   * (journal.define), or with a function. It is cancelled when this run ends before it. */
  child<T = unknown>(name: string, options?: ChildOptions): Promise<T>
  child<Input, T>(name: string, call: RunFunction<Input, T>, options?: ChildOptions<Input>): Promise<T>
  child(name: string, second: RunFunction | ChildOptions = {}, third: ChildOptions = {}): Promise<unknown> {
    const call = typeof second === 'function' ? second : undefined
    const options = typeof second === 'function' ? third : second
    if (call === undefined) checkRunName(name)
    if (options.id !== undefined) checkRunId(options.id)
    if (options.id === this.id) throw invalidArgument('the id of a child', 'another than that of its parent')
    const { lineage } = this.#execution.terms
    const depth = lineage.depth + 1
    if (depth > limits.runDepthMax) return Promise.reject(tooDeep(this.id))
    const { version } = options
    const budgets = options.budgets === undefined ? undefined : checkBudgets(options.budgets)
    return this.#ask(name, (key) => {
      const { id = `${this.id}/${key}`, input } = options
      const { name: ownName } = lineage
      const created: RunCreated = {
        name: call === undefined ? name : inlineName,
        ...(input === undefined ? {} : { input }),
        ...(version === undefined ? {} : { version }),
        ...(budgets === undefined ? {} : { budgets }),
        seed: this.#chance.seedFor(key),
        parent: { id: this.id, name: ownName, key },
        depth,
      }
      const terms = { id, name: created.name, call, created }
      return new ChildWork(this.#execution, key, { ...terms, isOwnId: options.id !== undefined })
    })
  }

  /** The time of the latest thing that this function was told, in milliseconds: the same in every replay. */
  now(): number {
    return this.#execution.time
  }

  /** At least 0 and less than 1; the same in every replay. */
  random(): number {
    return this.#chance.number()
  }

  /** A version 4 UUID; the same in every replay. */
  uuid(): string {
    return this.#chance.uuid()
  }

  /** Runs a function whose steps have names of their own: those of another scope don't count among them. For branches
   * that run at the same time and take the same steps. */
  scope<T>(name: string, call: (run: Run) => Promise<T>): Promise<T> {
    const inner = KeyScope.of(this.#scope.next(name))
    return call(new Run(this.#execution, this.#chance, inner))
  }

  /** Marks a change of the code: true in runs that began with it or have not yet come here, false in those that went on
   * from here without it. The answer is the same wherever a run asks by this name. Ask where the way to here follows from
   * what `run` gave, not behind something else that the function waits for. */
  patched(name: string): boolean {
    checkName(name, 'name of a patch')
    return this.#execution.patched(name)
  }

  /** Output for who follows the run: appended once. */
  emit(output: unknown): Promise<void> {
    return this.#note('emit', runEvents.emitted, { output })
  }

  /** Output for who follows the run now, in this process, and asks for it (subscribe with `live`): tokens, progress, signs
   * of life. Nothing is stored, nothing is waited for, and a replay doesn't say again what was said before the end of
   * the record. Throws NOT_STORABLE and TOO_LARGE for what is no data, or too much. */
  emitLive(output: unknown): void {
    this.#execution.show(output)
  }

  /** A remark for people who look at the run later: appended once. */
  annotate(text: string, details?: unknown): Promise<void> {
    return this.#note('annotate', runEvents.annotated, details === undefined ? { text } : { text, details })
  }

  /** An event of a type of one's own in the run's stream, appended once: gives the value as it was stored. Like emit and
   * annotate it also works after the run was cancelled. */
  record<T>(type: string, value: T): Promise<T> {
    return this.#note(checkOwnType(type), type, { result: value }) as Promise<T>
  }

  #ask<T>(name: string, workOf: (key: string) => AskWork, options?: { readonly isNote: boolean }): Promise<T> {
    const asked = this.#execution.ask<T>(this.#scope, name, workOf, options)
    // The failure of a step stands in the record. One that is not awaited yet, or no more because the run was cancelled, must
    // not end the process, with all its other runs, and again at every restart.
    asked.catch(() => undefined)
    return asked
  }

  #sleepUntil(until: () => number): Promise<void> {
    return this.#ask('sleep', (key) => new SleepWork(this.#execution, key, until))
  }

  #note(name: string, type: string, data: Readonly<Record<string, unknown>>): Promise<void> {
    const workOf = (key: string) => new NoteWork(this.#execution, type, { key, ...data })
    return this.#ask(name, workOf, { isNote: true })
  }
}

function tooDeep(id: string): HoldfastError {
  return new HoldfastError(
    'RUN_TOO_DEEP',
    `run ${JSON.stringify(id)} is the child of too many runs to have one itself`,
    {
      hint: `The limit is ${limits.runDepthMax}: start a run of its own (journal.start), or do the work in steps.`,
      details: { id, depthMax: limits.runDepthMax },
    },
  )
}

/** The types of runs themselves are told by them alone. */
function checkOwnType(type: string): string {
  checkName(type, 'event type')
  if (type.startsWith('run.')) throw invalidArgument("the type of an event of one's own", 'one without "run." in front')
  return type
}
