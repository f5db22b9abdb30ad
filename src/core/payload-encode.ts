// The slow path of the payload codec: writes the JSON text of a value that needs tags or escapes, or finds what can't be
// stored and where it stands. It writes text and not a transformed tree, because a tree can't hold -0 through
// JSON.stringify, and a key `__proto__` only with care.
// Invariants: what is written decodes to an equal value; nothing is left out or changed in silence; recursion is bounded
// by limits.depthMax, which counts the containers of the user's value (arrays, objects, Maps, Sets, Errors, custom).

import { type ErrorCode, HoldfastError } from '../errors.ts'
import { limits } from '../limits.ts'
import { BlobRef } from './blob-ref.ts'
import type { CustomCodec } from './custom-codec.ts'
import { hasOnlyElements, startsWithDollar } from './payload-plain.ts'

const bareKey = /^[A-Za-z_$][A-Za-z0-9_$]*$/
/** Properties of an Error that have a place of their own in its form. */
const errorFields: ReadonlySet<string> = new Set(['name', 'message', 'stack', 'cause'])

export class PayloadEncoder {
  readonly #codecs: readonly CustomCodec[]
  /** How messages name the place: `data`, `.items`, `[3]`, … */
  readonly #path: string[]
  readonly #ancestors: object[] = []
  readonly #blobs = new Set<string>()

  constructor(codecs: readonly CustomCodec[], what: string) {
    this.#codecs = codecs
    this.#path = [what]
  }

  blobs(): readonly string[] {
    return [...this.#blobs]
  }

  encode(value: unknown): string {
    switch (typeof value) {
      case 'string':
        return JSON.stringify(value)
      case 'boolean':
        return value ? 'true' : 'false'
      case 'number':
        return this.#number(value)
      case 'bigint':
        return `{"$bigint":"${value}"}`
      case 'undefined':
        return '{"$undefined":true}'
      case 'object':
        return value === null ? 'null' : this.#object(value)
      case 'function':
        return this.#refuse('a function', 'Store what the function returns, or leave it out.')
      case 'symbol':
        return this.#refuse('a symbol', 'Store its description as a string.')
    }
  }

  #number(value: number): string {
    if (!Number.isFinite(value)) this.#refuse(`the number ${value}`, 'JSON has no such number; store null or a string.')
    return Object.is(value, -0) ? '-0' : `${value}`
  }

  #object(value: object): string {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Object.prototype || prototype === null) return this.#inside(value, () => this.#properties(value))
    if (prototype === Array.prototype && Array.isArray(value)) return this.#inside(value, () => this.#array(value))
    // Custom codecs come before the built-in classes, so that they can claim a class of errors.
    for (const codec of this.#codecs) {
      if (codec.is(value)) return this.#inside(value, () => this.#custom(codec, value))
    }
    if (value instanceof Error) return this.#inside(value, () => this.#error(value))
    return this.#builtIn(value, prototype)
  }

  #builtIn(value: object, prototype: unknown): string {
    if (value instanceof BlobRef) {
      this.#blobs.add(value.digest)
      return `{"$blob":"${value.digest}","bytes":${value.bytes}}`
    }
    if (value instanceof Uint8Array && (prototype === Uint8Array.prototype || prototype === Buffer.prototype)) {
      // Extra properties aren't looked for here: listing the names would list every byte.
      const bytes = this.#genuine(() => Buffer.from(value.buffer, value.byteOffset, value.byteLength))
      return `{"$bytes":"${bytes.toString('base64')}"}`
    }
    if (value instanceof Date && prototype === Date.prototype) {
      this.#bare(value, 'a Date')
      const time = this.#genuine(() => value.getTime())
      if (Number.isNaN(time)) this.#refuse('an invalid Date', 'Check the date before storing it.')
      return `{"$date":"${new Date(time).toISOString()}"}`
    }
    if (value instanceof Map && prototype === Map.prototype) {
      this.#bare(value, 'a Map')
      const entries = this.#genuine(() => [...value])
      return this.#inside(value, () => `{"$map":[${this.#entries(entries)}]}`)
    }
    if (value instanceof Set && prototype === Set.prototype) {
      this.#bare(value, 'a Set')
      const elements = this.#genuine(() => [...value])
      return this.#inside(value, () => `{"$set":[${this.#elements('.$set', elements)}]}`)
    }
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
      return this.#refuse(
        `a binary value of class ${className(value)}`,
        'Of binary values only Uint8Array is stored: give a Uint8Array over the same bytes.',
      )
    }
    return this.#refuse(
      `an instance of class ${className(value)}`,
      'Store a plain object, or register a codec for the class.',
    )
  }

  /** Reads a built-in object. A proxy or an object made of its prototype alone has the class but not the content. */
  #genuine<T>(read: () => T): T {
    try {
      return read()
    } catch (cause) {
      return this.#refuse('a proxy or imitation of a built-in object', 'Store a copy made with its class.', cause)
    }
  }

  /** Runs `write` one level deeper, guarding against cycles and depth. */
  #inside(value: object, write: () => string): string {
    if (this.#ancestors.includes(value)) {
      this.#refuse('a cycle (this value contains itself)', 'Store an id in place of the reference.')
    }
    if (this.#ancestors.length >= limits.depthMax) {
      this.#fail(
        'TOO_DEEP',
        `nests deeper than ${limits.depthMax} levels`,
        'Flatten it, or store parts of it as blobs.',
      )
    }
    this.#ancestors.push(value)
    const text = write()
    this.#ancestors.pop()
    return text
  }

  /** Writes a value that stands at `segment` below the present path. */
  #at(segment: string, value: unknown): string {
    this.#path.push(segment)
    const text = this.encode(value)
    this.#path.pop()
    return text
  }

  #properties(object: object, skipped?: ReadonlySet<string>): string {
    this.#noSymbols(object)
    let text = ''
    for (const name of Object.getOwnPropertyNames(object)) {
      const property = Object.getOwnPropertyDescriptor(object, name)
      if (skipped !== undefined && (skipped.has(name) || property?.enumerable !== true)) continue
      this.#path.push(keySegment(name))
      const value = this.#propertyValue(property)
      const key = JSON.stringify(startsWithDollar(name) ? `$${name}` : name)
      text += `${text === '' ? '' : ','}${key}:${this.encode(value)}`
      this.#path.pop()
    }
    return `{${text}}`
  }

  #propertyValue(property: PropertyDescriptor | undefined): unknown {
    if (property?.enumerable !== true) {
      return this.#refuse('a property that is not enumerable', 'Copy what is to be stored into a plain object.')
    }
    return this.#valueOf(property)
  }

  #valueOf(property: PropertyDescriptor): unknown {
    if (property.get !== undefined || property.set !== undefined) {
      this.#refuse('an accessor property', 'Store a copy that holds its value.')
    }
    return property.value
  }

  #array(array: readonly unknown[]): string {
    const text = this.#elements('', array)
    if (!hasOnlyElements(array)) this.#refuseExtra(array)
    return `[${text}]`
  }

  #elements(prefix: string, array: readonly unknown[]): string {
    let text = ''
    for (let index = 0; index < array.length; index += 1) {
      this.#path.push(`${prefix}[${index}]`)
      const property = Object.getOwnPropertyDescriptor(array, index)
      // Counting names would not do: a hole and an extra property make up for each other.
      if (property === undefined) this.#refuse('a hole in an array', 'Fill it with null or undefined.')
      text += `${index === 0 ? '' : ','}${this.encode(this.#valueOf(property))}`
      this.#path.pop()
    }
    return text
  }

  /** For an array without holes that has something beside its elements. */
  #refuseExtra(array: readonly unknown[]): never {
    this.#noSymbols(array)
    const extra = Object.getOwnPropertyNames(array).find((name) => name !== 'length' && !isIndex(name))
    this.#path.push(keySegment(String(extra)))
    this.#refuse('an extra property of an array', 'Store an object that holds the array and the property.')
  }

  #entries(entries: readonly (readonly [unknown, unknown])[]): string {
    let text = ''
    for (const [index, [key, value]] of entries.entries()) {
      const keyText = this.#at(`.$map[${index}][0]`, key)
      text += `${index === 0 ? '' : ','}[${keyText},${this.#at(`.$map[${index}][1]`, value)}]`
    }
    return text
  }

  #custom(codec: CustomCodec, value: object): string {
    let plain: unknown
    try {
      plain = codec.encode(value)
    } catch (cause) {
      this.#refuse(`a value that its codec "${codec.tag}" could not encode`, 'See the cause.', cause)
    }
    return `{"$${codec.tag}":${this.#at(`.$${codec.tag}`, plain)}}`
  }

  #error(error: Error): string {
    let text = `"name":${this.#errorText(error, 'name')},"message":${this.#errorText(error, 'message')}`
    // The stack is for people; one that was replaced by something other than text is left out.
    const stack: unknown = Object.hasOwn(error, 'stack') ? error.stack : undefined
    if (typeof stack === 'string') text += `,"stack":${JSON.stringify(stack)}`
    if (Object.hasOwn(error, 'cause')) text += `,"cause":${this.#at('.cause', error.cause)}`
    let skipped = errorFields
    if (error instanceof AggregateError && Array.isArray(error.errors)) {
      text += `,"errors":${this.#at('.errors', error.errors)}`
      skipped = new Set([...errorFields, 'errors'])
    }
    const props = this.#properties(error, skipped)
    return `{"$error":{${text}${props === '{}' ? '' : `,"props":${props}`}}}`
  }

  #errorText(error: Error, field: 'name' | 'message'): string {
    const value: unknown = error[field]
    if (typeof value === 'string') return JSON.stringify(value)
    this.#path.push(`.${field}`)
    return this.#refuse(`an Error whose ${field} is not a string`, 'Give it a string.')
  }

  #noSymbols(object: object): void {
    for (const symbol of Object.getOwnPropertySymbols(object)) {
      // What is hidden in an Error is the runtime's own bookkeeping.
      if (object instanceof Error && !Object.prototype.propertyIsEnumerable.call(object, symbol)) continue
      this.#path.push(`[${String(symbol)}]`)
      this.#refuse('a property whose key is a symbol', 'Use a string as its key.')
    }
  }

  /** Refuses own properties where the form has no place for them. */
  #bare(value: object, what: string): void {
    const [extra] = Reflect.ownKeys(value)
    if (extra === undefined) return
    this.#path.push(typeof extra === 'string' ? keySegment(extra) : `[${String(extra)}]`)
    this.#refuse(`an extra property of ${what}`, 'Store an object that holds both.')
  }

  #refuse(what: string, hint: string, cause?: unknown): never {
    this.#fail('NOT_STORABLE', `is ${what}, which can't be stored`, hint, cause)
  }

  #fail(code: ErrorCode, problem: string, hint: string, cause?: unknown): never {
    const path = this.#path.join('')
    throw new HoldfastError(code, `${path} ${problem}`, { hint, cause, details: { path } })
  }
}

function keySegment(name: string): string {
  return bareKey.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`
}

function isIndex(name: string): boolean {
  return String(Number(name) >>> 0) === name
}

function className(value: object): string {
  const maker: unknown = 'constructor' in value ? value.constructor : undefined
  return typeof maker === 'function' && maker.name !== '' ? maker.name : '(anonymous)'
}
