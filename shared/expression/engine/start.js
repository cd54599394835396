// Runs first in every engine, so it is short. Takes away what makes code out of text or an order out of nothing.
(() => {
  for (const kind of [function () {}, async function () {}, function* () {}, async function* () {}]) {
    delete Object.getPrototypeOf(kind).constructor
  }
  delete globalThis.eval
  delete globalThis.Function
  delete globalThis.queueMicrotask
  delete Math.random
  const { freeze, values } = Object
  const frozen = (value) => {
    if (typeof value === 'object' && value !== null) {
      values(value).forEach(frozen)
      freeze(value)
    }
    return value
  }
  return { frozen, plain: Object.prototype, unreturnable: [Map, Set, RegExp] }
})()
