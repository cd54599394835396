// For data with a number that JavaScript can't keep: reading that one field fails, and no other.
({
  unreadable: (owner, key, complain) =>
    Object.defineProperty(owner, key, {
      get: () => complain(),
      set: (value) => Object.defineProperty(owner, key, { value, writable: true, enumerable: true, configurable: true }),
      enumerable: true,
      configurable: true,
    }),
  frozen: function frozen(value) {
    if (typeof value === 'object' && value !== null) {
      for (const key of Reflect.ownKeys(value)) frozen(Object.getOwnPropertyDescriptor(value, key).value)
      Object.freeze(value)
    }
    return value
  },
})
