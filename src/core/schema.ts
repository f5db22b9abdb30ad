// Typed events: which schema the data of an event type must match when it is appended, which version of it is current,
// and how data of older versions becomes data of the current one when it is read. Any library that implements Standard
// Schema v1 will do; its interface is written out here, so that Holdfast depends on none.
// Invariant: a registry that was created can bring data from every version from 1 on to the current one.

import { HoldfastError } from '../errors.ts'

/** Standard Schema v1, as validation libraries implement it. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

export interface EventDefinition<Input = unknown, Output = Input> {
  readonly schema: StandardSchema<Input, Output>
  /** The version that appends write; 1 unless given. */
  readonly version?: number
  /** `upcast[n]` makes data of version n + 1 from data of version n. */
  readonly upcast?: { readonly [fromVersion: number]: (data: unknown) => unknown }
}

/** By event type. */
export type EventDefinitions = Readonly<Record<string, EventDefinition>>

type SchemaTypes<D extends EventDefinitions, Type> = Type extends keyof D
  ? NonNullable<D[Type]['schema']['~standard']['types']>
  : { readonly input: unknown; readonly output: unknown }

/** What `append` takes as the data of this type; unknown for a type without definition. */
export type InputOf<D extends EventDefinitions, Type> = SchemaTypes<D, Type>['input']
/** What reading gives as the data of this type; unknown for a type without definition. */
export type OutputOf<D extends EventDefinitions, Type> = SchemaTypes<D, Type>['output']
/** The union over all defined types: narrowing `type` narrows `data`. */
export type TypedEvent<D extends EventDefinitions> = {
  readonly [Type in keyof D & string]: { readonly type: Type; readonly data: OutputOf<D, Type> }
}[keyof D & string]

export interface EventRegistry {
  /** The schema's output for this data; a promise only if the schema gives one. A type without definition passes as it
   * is. Throws (or rejects with) SCHEMA_MISMATCH. */
  check(type: string, data: unknown): unknown
  /** The version that an append of this type writes. */
  versionOf(type: string): number
  /** Data of a stored version, as data of the current one. Throws UNKNOWN_VERSION. */
  upcast(type: string, version: number, data: unknown): unknown
}

interface CurrentType {
  readonly schema: StandardSchema
  readonly version: number
  /** At index n - 1, the step from version n. */
  readonly steps: readonly ((data: unknown) => unknown)[]
}

export function createEventRegistry(definitions: EventDefinitions): EventRegistry {
  const types = new Map<string, CurrentType>()
  for (const [type, definition] of Object.entries(definitions)) types.set(type, currentType(type, definition))
  return {
    check(type, data) {
      const current = types.get(type)
      if (current === undefined) return data
      const result = current.schema['~standard'].validate(data)
      return result instanceof Promise ? result.then((late) => outputOf(type, late)) : outputOf(type, result)
    },
    versionOf: (type) => types.get(type)?.version ?? 1,
    upcast(type, version, data) {
      const current = types.get(type)
      return current === undefined ? data : raise(type, current, version, data)
    },
  }
}

function currentType(type: string, { schema, version = 1, upcast = {} }: EventDefinition): CurrentType {
  if (typeof schema?.['~standard']?.validate !== 'function') {
    throw badDefinition(type, 'has no schema', 'Give a schema of a library that implements Standard Schema v1.')
  }
  if (!Number.isSafeInteger(version) || version < 1) {
    throw badDefinition(type, `has version ${version}`, 'Versions are integers from 1 on.')
  }
  const hint = 'Give one step for each earlier version: upcast[n] makes version n + 1 from version n.'
  const stepCount = Object.keys(upcast).length
  if (stepCount !== version - 1) {
    throw badDefinition(type, `is at version ${version} but has ${stepCount} upcast steps`, hint)
  }
  const steps: ((data: unknown) => unknown)[] = []
  for (let from = 1; from < version; from += 1) {
    const step = upcast[from]
    if (typeof step !== 'function') throw badDefinition(type, `has no upcast step from version ${from}`, hint)
    steps.push(step)
  }
  return { schema, version, steps }
}

function badDefinition(type: string, problem: string, hint: string): HoldfastError {
  return new HoldfastError('INVALID_ARGUMENT', `the definition of event type "${type}" ${problem}`, {
    hint,
    details: { type },
  })
}

function outputOf(type: string, result: SchemaResult<unknown>): unknown {
  if (result.issues === undefined) return result.value
  const issues = result.issues.map(({ message, path = [] }) => ({ path: `data${path.map(segment).join('')}`, message }))
  const listed = issues.map(({ path, message }) => `${path}: ${message}`).join('; ')
  throw new HoldfastError('SCHEMA_MISMATCH', `the data of event type "${type}" doesn't match its schema: ${listed}`, {
    hint: 'Correct the data, or give the type a new version with an upcast step.',
    details: { type, issues },
  })
}

function segment(part: PropertyKey | { readonly key: PropertyKey }): string {
  const key = typeof part === 'object' ? part.key : part
  return typeof key === 'number' ? `[${key}]` : `.${String(key)}`
}

function raise(type: string, current: CurrentType, stored: number, data: unknown): unknown {
  if (!Number.isSafeInteger(stored) || stored < 1 || stored > current.version) {
    throw new HoldfastError(
      'UNKNOWN_VERSION',
      `an event of type "${type}" has version ${stored}, but versions 1 to ${current.version} are known`,
      {
        hint: 'It was written by newer code: give this program that definition of the type.',
        details: { type, version: stored, known: current.version },
      },
    )
  }
  return current.steps.slice(stored - 1).reduce((value, step) => step(value), data)
}
