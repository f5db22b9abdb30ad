import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  createEventRegistry,
  type EventDefinition,
  type EventDefinitions,
  type InputOf,
  type OutputOf,
  type SchemaResult,
  type StandardSchema,
  type TypedEvent,
} from './schema.ts'

function schema<Input, Output = Input>(
  validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>,
): StandardSchema<Input, Output> {
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

const text = schema<string, number>((value) =>
  typeof value === 'string' ? { value: value.length } : { issues: [{ message: 'not text' }] },
)
const late = schema<{ readonly n: number }>(async (value) =>
  typeof value === 'object' ? { value: value as { n: number } } : { issues: [{ message: 'no', path: ['n'] }] },
)
const definitions = { text: { schema: text }, late: { schema: late } } as const

describe('check', () => {
  const registry = createEventRegistry(definitions)

  it('gives the output, without a promise when the schema is synchronous', () => {
    expect(registry.check('text', 'four')).toBe(4)
  })

  it('gives a promise when the schema does', async () => {
    const checked = registry.check('late', { n: 1 })
    expect(checked).toBeInstanceOf(Promise)
    expect(await checked).toEqual({ n: 1 })
    await expect(registry.check('late', 7)).rejects.toMatchObject({
      code: 'SCHEMA_MISMATCH',
      details: { type: 'late', issues: [{ path: 'data.n', message: 'no' }] },
    })
  })

  it('passes types without definition, also those named like what every object has', () => {
    const data = { any: 'thing' }
    for (const type of ['other', 'constructor', '__proto__', 'toString']) expect(registry.check(type, data)).toBe(data)
  })

  it('names each issue with its path', () => {
    const strict = schema(() => ({
      issues: [
        { message: 'root' },
        { message: 'deep', path: ['items', 3, { key: 'name' }, { key: 0 }, Symbol.iterator] },
      ],
    }))
    expect(() => createEventRegistry({ x: { schema: strict } }).check('x', 1)).toThrow(
      expect.objectContaining({
        code: 'SCHEMA_MISMATCH',
        message: expect.stringContaining('data.items[3].name[0].Symbol(Symbol.iterator): deep') as unknown,
        details: {
          type: 'x',
          issues: [
            { path: 'data', message: 'root' },
            { path: 'data.items[3].name[0].Symbol(Symbol.iterator)', message: 'deep' },
          ],
        },
      }),
    )
  })
})

describe('versions', () => {
  const registry = createEventRegistry({
    plain: { schema: text },
    grown: {
      schema: text,
      version: 3,
      upcast: { 1: (data) => `${String(data)}>2`, 2: (data) => `${String(data)}>3` },
    },
  })

  it('are 1 unless defined', () => {
    expect(registry.versionOf('plain')).toBe(1)
    expect(registry.versionOf('other')).toBe(1)
    expect(registry.versionOf('grown')).toBe(3)
  })

  it('are brought up step by step', () => {
    expect(registry.upcast('grown', 1, '1')).toBe('1>2>3')
    expect(registry.upcast('grown', 2, '2')).toBe('2>3')
    expect(registry.upcast('grown', 3, '3')).toBe('3')
    expect(registry.upcast('plain', 1, '1')).toBe('1')
    expect(registry.upcast('other', 9, '9')).toBe('9')
  })

  it.each([0, -1, 1.5, 4, Number.NaN])('%d of a type at version 3 is unknown', (version) => {
    expect(() => registry.upcast('grown', version, '')).toThrow(expect.objectContaining({ code: 'UNKNOWN_VERSION' }))
  })
})

describe('createEventRegistry', () => {
  const step = (data: unknown) => data
  it.each<[string, unknown]>([
    ['no schema', {}],
    ['a schema of another kind', { schema: { validate: step } }],
    ['version 0', { schema: text, version: 0 }],
    ['version 1.5', { schema: text, version: 1.5 }],
    ['a version that is no number', { schema: text, version: '2' }],
    ['no steps', { schema: text, version: 2 }],
    ['a missing step', { schema: text, version: 3, upcast: { 2: step } }],
    ['a step too many', { schema: text, version: 2, upcast: { 1: step, 2: step } }],
    ['steps for other versions', { schema: text, version: 3, upcast: { 1: step, 7: step } }],
    ['a step that is no function', { schema: text, version: 2, upcast: { 1: 'x' } }],
  ])('refuses %s', (_, definition) => {
    expect(() => createEventRegistry({ x: definition as EventDefinition })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', details: { type: 'x' } }),
    )
  })
})

describe('types', () => {
  type D = typeof definitions

  it('tell what append takes and what read gives', () => {
    expectTypeOf<D>().toExtend<EventDefinitions>()
    expectTypeOf<InputOf<D, 'text'>>().toEqualTypeOf<string>()
    expectTypeOf<OutputOf<D, 'text'>>().toEqualTypeOf<number>()
    expectTypeOf<InputOf<D, 'late'>>().toEqualTypeOf<{ readonly n: number }>()
    expectTypeOf<InputOf<D, 'other'>>().toEqualTypeOf<unknown>()
    expectTypeOf<OutputOf<D, 'other'>>().toEqualTypeOf<unknown>()
  })

  it('narrow data by type', () => {
    expectTypeOf<TypedEvent<D>>().toEqualTypeOf<
      | { readonly type: 'text'; readonly data: number }
      | { readonly type: 'late'; readonly data: { readonly n: number } }
    >()
  })

  it('of unknown definitions stay unknown', () => {
    expectTypeOf<InputOf<EventDefinitions, 'x'>>().toEqualTypeOf<unknown>()
    expectTypeOf<TypedEvent<EventDefinitions>>().toEqualTypeOf<{ readonly type: string; readonly data: unknown }>()
  })
})
