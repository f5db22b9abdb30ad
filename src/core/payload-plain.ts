// The fast check of the payload codec: may this value go to JSON.stringify as it is, and come back the same?
// Nearly every payload may, and then one native call writes it; this check must therefore cost much less than that call.
// Invariant: "yes" is only said of a tree that JSON holds faithfully and that uses no key which needs an escape.
// "No" says nothing but that the slow path must look: it finds the form to use, or the culprit and its path.

import { limits } from '../limits.ts'

const dollar = 36

/** The first character of tags and escapes. */
export function startsWithDollar(key: string): boolean {
  return key.charCodeAt(0) === dollar
}

// For an element of an array this costs a seventh of getOwnPropertyDescriptor, which matters for a vector of numbers.
const lookupGetter = (
  Object.prototype as unknown as { readonly __lookupGetter__: (this: object, key: PropertyKey) => unknown }
).__lookupGetter__

function hasGetter(array: readonly unknown[], index: number): boolean {
  return lookupGetter.call(array, index) !== undefined
}

/** A dense array's own names are its indices and `length`: any other count means extra properties
 * or holes. An extra property can make up for a hole, but a hole reads as undefined, which isn't plain. */
export function hasOnlyElements(array: readonly unknown[]): boolean {
  return (
    Object.getOwnPropertyNames(array).length === array.length + 1 && Object.getOwnPropertySymbols(array).length === 0
  )
}

/** `depth`: how many containers stand around this value. */
export function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      // JSON.stringify writes -0 as 0, and NaN and the infinities as null.
      return Number.isFinite(value) && (value !== 0 || 1 / value > 0)
    case 'object':
      if (value === null) return true
      // Also ends the walk around a cycle.
      if (depth >= limits.depthMax) return false
      return Array.isArray(value) ? isPlainArray(value, depth + 1) : isPlainObject(value, depth + 1)
    default:
      return false
  }
}

function isPlainArray(array: readonly unknown[], depth: number): boolean {
  if (Object.getPrototypeOf(array) !== Array.prototype || !hasOnlyElements(array)) return false
  for (let index = 0; index < array.length; index += 1) {
    if (hasGetter(array, index) || !isPlain(array[index], depth)) return false
  }
  return true
}

function isPlainObject(object: object, depth: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(object)
  if (prototype !== Object.prototype && prototype !== null) return false
  // Names and descriptors of an ordinary object come from the engine's caches: measured no slower than for-in, and
  // they show accessors and what isn't enumerable, which JSON.stringify would run or leave out in silence.
  const names = Object.getOwnPropertyNames(object)
  for (const name of names) {
    if (startsWithDollar(name)) return false
    const property = Object.getOwnPropertyDescriptor(object, name)
    if (property === undefined || !property.enumerable || property.get !== undefined) return false
    // A property with a setter only has the value undefined, which isn't plain.
    if (!isPlain(property.value, depth)) return false
  }
  return Object.getOwnPropertySymbols(object).length === 0
}
