// A store with some methods exchanged: what the suite's own tests build their deliberately wrong stores from.
// Everything else goes to the store beneath, bound to it, so that private fields are found.

import type { Store } from '../../src/stores/store.ts'

export function overridden(store: Store, methods: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, key) {
      if (Object.hasOwn(methods, key)) return Reflect.get(methods, key)
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
