// Runs first in every engine: takes away what would make a run depend on anything but its data, and hands the
// host what it needs to pass data in. Whatever it uses later is kept here, out of reach of the flow's code.
(() => {
  'use strict'
  const { defineProperty, freeze, getOwnPropertyDescriptor, getPrototypeOf, values } = Object
  const { apply, ownKeys } = Reflect

  const gone = (what, instead) =>
    function () {
      throw new TypeError(`${what} is not available in a flow: ${instead}`)
    }
  for (const kind of [function () {}, async function () {}, function* () {}, async function* () {}]) {
    delete getPrototypeOf(kind).constructor
  }
  const hide = (owner, name, value) => defineProperty(owner, name, { value, writable: true, configurable: true })
  const clock = gone('Date', "use date(x) for a date you have and today(zone) for the run's day")
  clock.now = clock.parse = clock.UTC = clock
  hide(globalThis, 'Date', clock)
  hide(globalThis, 'eval', gone('eval', 'write the code into the flow'))
  hide(globalThis, 'Function', gone('Function', 'write the code into the flow'))
  hide(Math, 'random', gone('Math.random', 'a step that runs again must do the same again'))
  delete globalThis.queueMicrotask

  // The engine walks a list without looking at its deadline: a list that pretends to have billions of entries
  // would hold the machine. No real one comes near this.
  const longest = 1e7
  for (const name of [
    'at', 'concat', 'copyWithin', 'every', 'fill', 'filter', 'find', 'findIndex', 'findLast', 'findLastIndex', 'flat',
    'flatMap', 'forEach', 'includes', 'indexOf', 'join', 'lastIndexOf', 'map', 'reduce', 'reduceRight', 'reverse',
    'shift', 'slice', 'some', 'sort', 'splice', 'toReversed', 'toSorted', 'toSpliced', 'toString', 'unshift', 'with',
  ]) {
    const original = Array.prototype[name]
    hide(Array.prototype, name, function (...given) {
      if (this.length > longest) throw new RangeError(`a list of ${this.length} entries is too long to work on`)
      return apply(original, this, given)
    })
  }

  const frozen = (value) => {
    if (typeof value === 'object' && value !== null) {
      for (const inner of values(value)) frozen(inner)
      freeze(value)
    }
    return value
  }
  // The same for data that holds a number which fails when it is read.
  const frozenUnread = (value) => {
    if (typeof value === 'object' && value !== null) {
      for (const key of ownKeys(value)) frozenUnread(getOwnPropertyDescriptor(value, key).value)
      freeze(value)
    }
    return value
  }
  const unreadable = (owner, key, complain) =>
    defineProperty(owner, key, {
      get: () => complain(),
      set: (value) => defineProperty(owner, key, { value, writable: true, enumerable: true, configurable: true }),
      enumerable: true,
      configurable: true,
    })
  return { frozen, frozenUnread, unreadable, plain: Object.prototype, unreturnable: [Map, Set, RegExp] }
})()
